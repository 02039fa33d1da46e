/** The command line: parses, runs the command, tells what went wrong. Never exits the process by itself. */

import { MillraceError } from '../common/errors.ts'
import { layerOfFlags } from '../config/layers.ts'
import { flush } from '../service/logging.ts'
import { checkpointsCommand } from './checkpoints/checkpoints-command.ts'
import { rewindCommand } from './checkpoints/rewind-command.ts'
import type { CliEnvironment } from './cli-environment.ts'
import {
  COMMANDS,
  type Command,
  type CommandLine,
  parseCommandLine,
  SWITCHES,
  usageError,
  VALUE_FLAGS,
} from './command-line.ts'
import { exitCodeOf } from './exit-code.ts'
import { helpText } from './help.ts'
import { planCommand } from './plan/plan-command.ts'
import { PLAN_FLAG_NAMES } from './plan/plan-flags.ts'
import { reportError } from './report-error.ts'
import { runCommand } from './run-command.ts'
import { cancelCommand, savepointCommand } from './savepoint-command.ts'
import { stateCommand } from './state/state-command.ts'
import { STATE_SWITCHES, STATE_VALUE_FLAGS } from './state/state-flags.ts'
import { statusCommand } from './status/status-command.ts'
import { packageVersion } from './version.ts'

/** How long the streams may take to hand over what was written before the process ends. */
const FLUSH_DEADLINE_MS = 2_000

/**
 * @param args what follows `millrace`
 * @returns the exit code: 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted a second time. Everything is
 * written by then. The caller ends the process with it: after 130 something may still be running.
 */
export async function main(args: readonly string[], environment: CliEnvironment): Promise<number> {
  const { stdout, stderr } = environment
  // A reader that has gone away (`| head`) must not take a job with it: without a listener EPIPE would end the process.
  let outputError: NodeJS.ErrnoException | undefined
  stdout.on('error', (error) => {
    outputError ??= error
  })
  stderr.on('error', () => {})
  const { code, commandLine } = await runAndReport(args, environment)
  await flush(stdout, FLUSH_DEADLINE_MS)
  const isLost = code === 0 && commandLine?.command !== 'run' && outputError !== undefined && outputError.code !== 'EPIPE'
  if (isLost) {
    const error = new MillraceError('MR_CLI_OUTPUT_FAILED', `standard output: ${outputError?.message}`, { cause: outputError })
    reportError(error, environment, commandLine)
  }
  await flush(stderr, FLUSH_DEADLINE_MS)
  return isLost ? 1 : code
}

interface Ended {
  readonly code: number
  /** Undefined: it could not be understood. */
  readonly commandLine: CommandLine | undefined
}

async function runAndReport(args: readonly string[], environment: CliEnvironment): Promise<Ended> {
  let commandLine: CommandLine | undefined
  try {
    commandLine = parseCommandLine(args)
    return { code: await dispatch(commandLine, environment), commandLine }
  } catch (error) {
    reportError(error, environment, commandLine)
    return { code: exitCodeOf(error), commandLine }
  }
}

async function dispatch(commandLine: CommandLine, environment: CliEnvironment): Promise<number> {
  const { stdout, stderr } = environment
  const { command, switches, operands } = commandLine
  const columns = stdout.columns ?? 100
  if (switches.has('version')) {
    stdout.write(`${packageVersion()}\n`)
    return 0
  }
  if (command === 'help' || switches.has('help')) {
    stdout.write(helpText(command === 'help' ? topicOf(operands) : command, columns))
    return 0
  }
  // Before operands are counted: what follows an unknown flag would be one.
  layerOfFlags(commandLine.flags, [...SWITCHES, ...VALUE_FLAGS])
  refuseForeignFlags(commandLine)
  switch (command) {
    case 'run':
      return runCommand(commandLine, environment)
    case 'checkpoints':
      await checkpointsCommand(commandLine, environment)
      return 0
    case 'status':
      await statusCommand(commandLine, environment)
      return 0
    case 'rewind':
      await rewindCommand(commandLine, environment)
      return 0
    case 'savepoint':
      await savepointCommand(commandLine, environment)
      return 0
    case 'cancel':
      await cancelCommand(commandLine, environment)
      return 0
    case 'plan':
      await planCommand(commandLine, environment)
      return 0
    case 'state':
      return stateCommand(commandLine, environment)
    case undefined:
      stderr.write(helpText(undefined, columns))
      return 2
  }
}

/** Flags that only one command understands are refused with every other. */
function refuseForeignFlags({ command, values, switches }: CommandLine): void {
  const only = (isGiven: boolean, flag: string, owner: Command) => {
    if (isGiven && command !== owner) throw usageError(`--${flag} is for millrace ${owner}`)
  }
  only(values.has('to-checkpoint'), 'to-checkpoint', 'rewind')
  if (values.has('to') && command !== 'savepoint' && command !== 'state') {
    throw usageError('--to is for millrace savepoint and millrace state rewrite')
  }
  only(switches.has('stop'), 'stop', 'savepoint')
  only(values.has('savepoint'), 'savepoint', 'checkpoints')
  if (values.has('metrics') && command !== 'plan' && command !== 'status') {
    throw usageError('--metrics is for millrace plan and millrace status')
  }
  for (const flag of PLAN_FLAG_NAMES) if (flag !== 'metrics') only(values.has(flag), flag, 'plan')
  for (const flag of STATE_VALUE_FLAGS) only(values.has(flag), flag, 'state')
  for (const flag of STATE_SWITCHES) only(switches.has(flag), flag, 'state')
}

function topicOf([name]: readonly string[]): Command | undefined {
  const command = COMMANDS.find((known) => known === name)
  if (name !== undefined && command === undefined) throw usageError(`there is no command ${name}; see millrace help`)
  return command
}
