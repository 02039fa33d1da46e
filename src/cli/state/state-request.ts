/** What an action of `millrace state` is given. */
import type { OptionLayer } from '../../config/layers.ts'
import type { StoredState } from '../../inspect/stored-state.ts'
import type { CliEnvironment } from '../cli-environment.ts'
import type { CommandLine } from '../command-line.ts'

export interface StateRequest {
  readonly commandLine: CommandLine
  readonly environment: CliEnvironment
  /** Of options, the strongest first. */
  readonly layers: readonly OptionLayer[]
  /** In the order of the command line. */
  readonly states: readonly StoredState[]
}
