/** `millrace state compare`. */
import { type ComparedEntry, compare, type StateComparison, type StateDifference } from '../../inspect/compare.ts'
import type { StoredState } from '../../inspect/stored-state.ts'
import { JsonLines } from '../json-lines.ts'
import { tableText } from '../table.ts'
import { expiryText } from './state-export.ts'
import type { StateRequest } from './state-request.ts'

/** @returns 0: they are equal; 1: they differ */
export async function compareStates({ commandLine, environment, states }: StateRequest): Promise<number> {
  const { stdout } = environment
  const [first, second] = states as readonly [StoredState, StoredState]
  if (commandLine.switches.has('details')) {
    return compareInDetail(first, second, new JsonLines(stdout))
  }
  const found = await compare(first, second)
  const isJson = commandLine.switches.has('json') || stdout.isTTY !== true
  const facts = { first: first.uri, second: second.uri, isEqual: exitCode(found) === 0, states: found }
  stdout.write(isJson ? `${JSON.stringify(facts, null, 2)}\n` : textOf(found))
  return exitCode(found)
}

async function compareInDetail(first: StoredState, second: StoredState, lines: JsonLines): Promise<number> {
  // `| head` has what it wants: what else differs is not looked for.
  const closed = Symbol('closed')
  const write = (difference: StateDifference) => {
    if (lines.isClosed) throw closed
    return lines.write(lineOf(difference))
  }
  try {
    const found = await compare(first, second, write)
    await lines.flush()
    return exitCode(found)
  } catch (error) {
    if (error !== closed) throw error
    return 1
  }
}

function exitCode(found: readonly StateComparison[]): number {
  return found.every(({ added, removed, changed }) => added + removed + changed === 0) ? 0 : 1
}

function lineOf({ operator, state, change, key, mapKey, before, after }: StateDifference) {
  return { operator, state, change, key, ...(mapKey !== undefined && { mapKey }), before: side(before), after: side(after) }
}

function side(entry: ComparedEntry | undefined) {
  if (entry === undefined) return null
  const { value, expiresAtMs, version } = entry
  return { value: value === undefined ? null : value, expiresAt: expiryText(expiresAtMs), version }
}

function textOf(found: readonly StateComparison[]): string {
  if (found.length === 0) return 'no state\n'
  const columns = ['ADDED', 'REMOVED', 'CHANGED', 'UNCHANGED'].map((title) => ({ title, align: 'right' as const }))
  const rows = found.map(({ operator, state, added, removed, changed, unchanged }) => [
    operator,
    state,
    ...[added, removed, changed, unchanged].map((count) => count.toLocaleString('en')),
  ])
  return tableText([{ title: 'OPERATOR' }, { title: 'STATE' }, ...columns], rows)
}
