/** What an action of `millrace state` is given. */
import type { StoredState } from '../inspect/stored-state.ts'
import type { CliEnvironment } from './cli-environment.ts'
import type { CommandLine } from './command-line.ts'

export interface StateRequest {
  readonly commandLine: CommandLine
  readonly environment: CliEnvironment
  /** In the order of the command line. */
  readonly states: readonly StoredState[]
}
