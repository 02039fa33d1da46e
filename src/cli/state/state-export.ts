/** `millrace state get`, `keys` and `export`: JSON, a line each, by whatever reads it. */
import type { StateReading, StoredEntry } from '../../inspect/state-reading.ts'
import type { StoredState } from '../../inspect/stored-state.ts'
import { type CommandLine, usageError } from '../command-line.ts'
import { JsonLines } from '../json-lines.ts'
import { keyOfText } from './key-text.ts'
import type { StateRequest } from './state-request.ts'

export async function exportState({ commandLine, environment, states }: StateRequest): Promise<number> {
  const stored = states[0]!
  const lines = new JsonLines(environment.stdout)
  // All of them first: an unknown codec is told before anything is written.
  const readings = chosenStates(stored, commandLine).map(({ operator, state }) => stored.read(operator, state))
  for (const reading of readings) {
    for await (const part of reading.parts()) {
      for (const entry of part) {
        const full = lines.write(lineOf(reading, entry))
        if (full !== undefined) await full
      }
      if (lines.isClosed) return 0
    }
  }
  await lines.flush()
  return 0
}

export async function listKeys({ commandLine, environment, states }: StateRequest): Promise<number> {
  const stored = states[0]!
  const lines = new JsonLines(environment.stdout)
  const operator = operatorOf(commandLine, 'keys')
  const only = commandLine.values.get('state')
  for await (const key of stored.operator(operator).keys(only)) {
    await lines.write(key)
    if (lines.isClosed) return 0
  }
  await lines.flush()
  return 0
}

export async function getState({ commandLine, environment, states }: StateRequest): Promise<number> {
  const stored = states[0]!
  const lines = new JsonLines(environment.stdout)
  const { values } = commandLine
  const operator = operatorOf(commandLine, 'get')
  const known = stored.operator(operator).states.map(({ name }) => name)
  const name = values.get('state') ?? (known.length === 1 ? known[0] : undefined)
  if (name === undefined) throw usageError(`--state is needed: operator ${operator} has ${known.join(', ')}`)
  const reading = stored.read(operator, name)
  const text = values.get('key')
  if (text === undefined) throw usageError('--key is needed')
  const mapText = values.get('map-key')
  const { keyCodec, mapKeyCodec } = reading
  if (mapText !== undefined && mapKeyCodec === null) throw usageError(`--map-key: state ${operator}/${name} is no map`)
  const key = keyOfText(keyCodec, text)
  const mapKey = mapText === undefined || mapKeyCodec === null ? undefined : keyOfText(mapKeyCodec, mapText)
  let found = 0
  for await (const entry of reading.entriesOf(key, mapKey)) {
    found++
    await lines.write(lineOf(reading, entry))
    if (lines.isClosed) return 0
  }
  await lines.flush()
  if (found > 0) return 0
  environment.stderr.write(`no entry of ${operator}/${name} for this key in ${stored.uri}\n`)
  return 1
}

export function lineOf(
  { state }: Pick<StateReading, 'state'>,
  { key, mapKey, value, expiresAtMs, version, task }: StoredEntry,
) {
  return {
    operator: state.operator,
    state: state.name,
    key,
    ...(mapKey !== undefined && { mapKey }),
    value: value === undefined ? null : value,
    expiresAt: expiryText(expiresAtMs),
    version,
    task,
  }
}

export function expiryText(expiresAtMs: number | null): string | null {
  return expiresAtMs === null ? null : new Date(expiresAtMs).toISOString()
}

function chosenStates(stored: StoredState, { values }: CommandLine): { operator: string; state: string }[] {
  const operator = values.get('operator')
  const state = values.get('state')
  if (operator === undefined && state !== undefined) throw usageError('--state needs --operator')
  const operators = operator === undefined ? stored.operators() : [stored.operator(operator)]
  if (operator !== undefined && state !== undefined) return [{ operator, state }]
  return operators.flatMap(({ name, states }) => states.map((one) => ({ operator: name, state: one.name })))
}

function operatorOf({ values }: CommandLine, action: string): string {
  const operator = values.get('operator')
  if (operator === undefined) throw usageError(`millrace state ${action} needs --operator`)
  return operator
}
