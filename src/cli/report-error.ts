/** How a command tells what went wrong: on standard error, with what it means for the data. */

import { NOT_STARTED, NOTHING_LOST } from '../common/error-catalogue/entry.ts'
import { isMillraceError } from '../common/errors.ts'
import { errorText } from '../service/error-text.ts'
import { type CliEnvironment, isColoured } from './cli-environment.ts'
import type { CommandLine } from './command-line.ts'

/** @param commandLine undefined: it could not be understood */
export function reportError(
  error: unknown,
  { stderr, env }: Pick<CliEnvironment, 'stderr' | 'env'>,
  commandLine: CommandLine | undefined,
): void {
  const isDebug = env.MILLRACE_LOG_LEVEL === 'debug'
  const dataEffect = dataEffectOf(error, commandLine)
  const text = errorText(error, {
    colour: isColoured(stderr, env),
    stacks: isDebug,
    ...(dataEffect !== undefined && { dataEffect }),
  })
  stderr.write(`${text}\n`)
}

/** The catalogue speaks of a job that starts or runs: with other commands there is none. */
function dataEffectOf(error: unknown, commandLine: CommandLine | undefined): string | undefined {
  if (commandLine?.command === 'run' || !isMillraceError(error)) return undefined
  if (error.dataEffect === NOT_STARTED) return 'None: nothing was done.'
  if (error.dataEffect !== NOTHING_LOST) return undefined
  return commandLine !== undefined && onlyReads(commandLine) ? 'None: it was only read.' : 'Nothing is lost.'
}

function onlyReads({ command, operands: [action] }: CommandLine): boolean {
  if (command === 'state') return action !== 'rewrite'
  return command === 'status' || command === 'plan' || (command === 'checkpoints' && action !== 'sweep')
}
