/** The arguments, taken apart: a command, what it applies to, options of the schema, and switches that are no options. */
import { parseArgs } from 'node:util'
import { MillraceError } from '../common/errors.ts'
import { OPTION_KEYS, optionOf } from '../config/config.ts'
import type { Flag } from '../config/layers.ts'
import { nearestName } from '../config/nearest-name.ts'
import { APPLICATION_ID } from '../config/options/application-id.ts'
import { PLAN_FLAG_NAMES } from './plan/plan-flags.ts'
import { STATE_LIST_FLAGS, STATE_SWITCHES, STATE_VALUE_FLAGS } from './state/state-flags.ts'

export const SWITCHES = ['help', 'version', 'json', 'delete', 'deep', 'stop', ...STATE_SWITCHES] as const
type Switch = (typeof SWITCHES)[number]

/** Take a value, and are no options: they are an act's own. */
export const VALUE_FLAGS = ['to-checkpoint', 'to', 'savepoint', ...PLAN_FLAG_NAMES, ...STATE_VALUE_FLAGS] as const
type ValueFlag = (typeof VALUE_FLAGS)[number]

export const COMMANDS = ['run', 'status', 'checkpoints', 'rewind', 'savepoint', 'cancel', 'plan', 'state', 'help'] as const
export type Command = (typeof COMMANDS)[number]

/** No name holds it. */
const SEPARATOR = '\n'

export interface CommandLine {
  /** Undefined: none was given. */
  readonly command: Command | undefined
  /** What follows the command. */
  readonly operands: readonly string[]
  readonly flags: readonly Flag[]
  readonly switches: ReadonlySet<Switch>
  readonly values: ReadonlyMap<ValueFlag, string>
}

/** Throws MR_CLI_USAGE. Unknown flags are passed on: config/ refuses them with a proposal. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const options: Record<string, { type: 'string' | 'boolean'; short?: string }> = { help: { type: 'boolean', short: 'h' } }
  for (const name of SWITCHES) options[name] ??= { type: 'boolean' }
  for (const name of VALUE_FLAGS) options[name] = { type: 'string' }
  for (const key of OPTION_KEYS) {
    const { name, type } = optionOf(key)
    options[name] = { type: type.kind === 'boolean' ? 'boolean' : 'string' }
  }
  // Not strict: its errors would not know our schema. The tokens tell all that is needed to say it better.
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowNegative: true, tokens: true })

  const positionals: string[] = []
  const flags: Flag[] = []
  const switches = new Set<Switch>()
  const values = new Map<ValueFlag, string>()
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value)
    if (token.kind !== 'option') continue
    if (isSwitch(token.name)) {
      switches.add(token.name)
      continue
    }
    const flag = flagOf(token.name, token.rawName, token.value, token.inlineValue === true, options[token.name]?.type)
    if (isValueFlag(token.name)) values.set(token.name, joined(values.get(token.name), token.name, String(flag.value)))
    else flags.push(flag)
  }
  const [command, ...operands] = positionals
  return { command: command === undefined ? undefined : commandOf(command), operands, flags, switches, values }
}

/** What a flag is given that may be given several times, one behind another; of any other the last counts. */
export function listOf(value: string | undefined): readonly string[] {
  return value === undefined ? [] : value.split(SEPARATOR)
}

function joined(before: string | undefined, name: string, value: string): string {
  const isList = (STATE_LIST_FLAGS as readonly string[]).includes(name)
  return before === undefined || !isList ? value : `${before}${SEPARATOR}${value}`
}

/** A value that looks like a flag was most likely meant to be one: `--brokers --checkpoints …`. */
function flagOf(name: string, rawName: string, value: string | undefined, isInline: boolean, type: string | undefined): Flag {
  if (type === undefined) return { name, value: true }
  if (type === 'boolean') return { name, value: value ?? !rawName.startsWith('--no-') }
  if (value === undefined || (!isInline && value.startsWith('--'))) {
    throw usageError(`${rawName} needs a value${value === undefined ? '' : `, but ${value} follows it`}`)
  }
  return { name, value }
}

function commandOf(name: string): Command {
  const command = COMMANDS.find((known) => known === name)
  if (command !== undefined) return command
  const nearest = nearestName(name, COMMANDS)
  const looksLikeJob = /\.[cm]?[jt]s$/.test(name)
  const proposal = looksLikeJob
    ? `; did you mean millrace run ${name}?`
    : nearest === undefined
      ? ''
      : `; did you mean ${nearest}?`
  throw usageError(`unknown command ${name}${proposal}`)
}

function isSwitch(name: string): name is Switch {
  return (SWITCHES as readonly string[]).includes(name)
}

function isValueFlag(name: string): name is ValueFlag {
  return (VALUE_FLAGS as readonly string[]).includes(name)
}

/** What is given as an application id. Throws MR_CLI_USAGE. */
export function applicationIdOf(text: string): string {
  if (APPLICATION_ID.pattern.test(text)) return text
  throw usageError(`${JSON.stringify(text)} is no application id: these are ${APPLICATION_ID.accepts.replaceAll('`', '')}`)
}

export function usageError(message: string): MillraceError {
  return new MillraceError('MR_CLI_USAGE', message)
}
