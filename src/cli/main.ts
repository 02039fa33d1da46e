/** The command line: parses, runs the command, tells what went wrong. Never exits the process by itself. */

import { errorText } from '../service/error-text.ts'
import { flush } from '../service/logging.ts'
import { checkpointsCommand } from './checkpoints-command.ts'
import { type CliEnvironment, isColoured } from './cli-environment.ts'
import { COMMANDS, type Command, type CommandLine, parseCommandLine, usageError } from './command-line.ts'
import { exitCodeOf } from './exit-code.ts'
import { helpText } from './help.ts'
import { planCommand } from './plan-command.ts'
import { PLAN_FLAG_NAMES } from './plan-flags.ts'
import { rewindCommand } from './rewind-command.ts'
import { runCommand } from './run-command.ts'
import { cancelCommand, savepointCommand } from './savepoint-command.ts'
import { stateCommand } from './state-command.ts'
import { STATE_SWITCHES, STATE_VALUE_FLAGS } from './state-flags.ts'
import { statusCommand } from './status-command.ts'
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
  for (const stream of [stdout, stderr]) stream.on('error', () => {})
  const code = await runAndReport(args, environment)
  await Promise.all([flush(stdout, FLUSH_DEADLINE_MS), flush(stderr, FLUSH_DEADLINE_MS)])
  return code
}

async function runAndReport(args: readonly string[], environment: CliEnvironment): Promise<number> {
  const { stderr, env } = environment
  try {
    return await dispatch(args, environment)
  } catch (error) {
    const isDebug = env.MILLRACE_LOG_LEVEL === 'debug'
    stderr.write(`${errorText(error, { colour: isColoured(stderr, env), stacks: isDebug })}\n`)
    return exitCodeOf(error)
  }
}

async function dispatch(args: readonly string[], environment: CliEnvironment): Promise<number> {
  const { stdout, stderr } = environment
  const commandLine = parseCommandLine(args)
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
  for (const flag of PLAN_FLAG_NAMES) only(values.has(flag), flag, 'plan')
  for (const flag of STATE_VALUE_FLAGS) only(values.has(flag), flag, 'state')
  for (const flag of STATE_SWITCHES) only(switches.has(flag), flag, 'state')
}

function topicOf([name]: readonly string[]): Command | undefined {
  const command = COMMANDS.find((known) => known === name)
  if (name !== undefined && command === undefined) throw usageError(`there is no command ${name}; see millrace help`)
  return command
}
