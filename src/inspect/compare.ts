/**
 * Compares two checkpoints or savepoints, state by state, by the bytes of keys and values: streamed, both at the same time.
 * States are found by operator and name; ids, codecs and the number of tasks may differ.
 */
import type { StateDescription } from '../checkpoint/metadata.ts'
import { defined } from '../common/assert.ts'
import { keysBeginningWith } from '../records/changes-in-range.ts'
import type { StateChanges } from '../records/state-changes.ts'
import type { TaskKey } from '../records/task-id.ts'
import { statePrefix } from '../state/state-key.ts'
import { acrossStreams, type LiveReading, liveChanges } from './live-changes.ts'
import { tasksOf } from './snapshot.ts'
import { StateReading, type StoredEntry } from './state-reading.ts'
import type { StoredState } from './stored-state.ts'

export interface StateComparison {
  readonly operator: string
  readonly state: string
  /** Only in the second. */
  readonly added: number
  /** Only in the first. */
  readonly removed: number
  /** With another value, another version of it, or another expiry. */
  readonly changed: number
  readonly unchanged: number
}

export interface StateDifference {
  readonly operator: string
  readonly state: string
  readonly change: 'added' | 'removed' | 'changed'
  readonly key: unknown
  /** Undefined: the state is no map. */
  readonly mapKey: unknown
  readonly before: StoredEntry | undefined
  readonly after: StoredEntry | undefined
}

/** One state in one of the two. */
interface Side {
  readonly reading: LiveReading
  readonly state: StateDescription
  readonly tasks: readonly TaskKey[]
}

/**
 * @param onDifference is awaited. Without it no value is decoded, so that no codec must be known
 * @returns in the order of the first, then what only the second has
 * @throws MR_STATE_CODEC_UNKNOWN
 */
export async function compare(
  first: StoredState,
  second: StoredState,
  onDifference?: (difference: StateDifference) => unknown,
): Promise<StateComparison[]> {
  // By the same time: nothing is to expire in only one of them.
  const nowMs = Math.max(first.reading.nowMs, second.reading.nowMs)
  const sideOf = (stored: StoredState, operator: string, name: string): Side | undefined => {
    const state = stored.snapshot.states.find((one) => one.operator === operator && one.name === name)
    if (state === undefined) return undefined
    const reading = { ...stored.reading, nowMs, budgetBytes: stored.reading.budgetBytes / 2 }
    return { reading, state, tasks: tasksOf(stored.snapshot, state.stage) }
  }
  const results: StateComparison[] = []
  for (const { operator, name } of statesOfBoth(first, second)) {
    const before = sideOf(first, operator, name)
    const after = sideOf(second, operator, name)
    const counts = { added: 0, removed: 0, changed: 0, unchanged: 0 }
    const difference =
      onDifference === undefined ? undefined : differenceOf(operator, name, entriesOf(first, before), entriesOf(second, after))
    await compareSides(before, after, (change, a, b) => {
      counts[change]++
      if (difference === undefined || change === 'unchanged') return undefined
      return onDifference?.(difference(change, a, b))
    })
    results.push({ operator, state: name, ...counts })
  }
  return results
}

function statesOfBoth(first: StoredState, second: StoredState): StateDescription[] {
  const states = [...first.snapshot.states]
  for (const state of second.snapshot.states) {
    if (!states.some(({ operator, name }) => operator === state.operator && name === state.name)) states.push(state)
  }
  return states
}

type Decode = (cursor: Cursor | undefined) => StoredEntry | undefined

function entriesOf(stored: StoredState, side: Side | undefined): Decode {
  if (side === undefined) return () => undefined
  const reading = new StateReading(side.reading, side.state, stored.codecs)
  return (cursor) => (cursor === undefined ? undefined : reading.entryAt(cursor.part, cursor.at))
}

function differenceOf(operator: string, state: string, decodeBefore: Decode, decodeAfter: Decode) {
  return (change: StateDifference['change'], a: Cursor | undefined, b: Cursor | undefined): StateDifference => {
    const before = decodeBefore(a)
    const after = decodeAfter(b)
    const { key, mapKey } = defined(after ?? before, 'entry that differs')
    return { operator, state, change, key, mapKey, before, after }
  }
}

/** Is told of each key where it stands in the first and in the second; what it returns is awaited. */
type Visit = (change: StateDifference['change'] | 'unchanged', a: Cursor | undefined, b: Cursor | undefined) => unknown

async function compareSides(before: Side | undefined, after: Side | undefined, visit: Visit): Promise<void> {
  const tasks = [...new Set([...(before?.tasks ?? []), ...(after?.tasks ?? [])])]
  if (before === undefined || after === undefined || arePartitionedAlike(before, after))
    for (const task of tasks) await join(streamOf(before, [task]), streamOf(after, [task]), visit)
  // A key may stand in another task: they are compared as a whole.
  else await join(streamOf(before, before.tasks), streamOf(after, after.tasks), visit)
}

/** Whether a key stands in the task of the same name in both. A task without any state may be absent. */
function arePartitionedAlike(before: Side, after: Side): boolean {
  if (before.state.stage !== after.state.stage) return false
  const a = before.reading.snapshot.exchangePartitions
  const b = after.reading.snapshot.exchangePartitions
  const { stage } = before.state
  // Of builds that have not written down the stage it may be any.
  const stages = stage === undefined ? [...a.keys(), ...b.keys()] : [stage]
  return stages.every((one) => a.get(one) === b.get(one))
}

async function join(first: AsyncGenerator<StateChanges>, second: AsyncGenerator<StateChanges>, visit: Visit): Promise<void> {
  const a = new Cursor(first)
  const b = new Cursor(second)
  try {
    await Promise.all([a.nextPart(), b.nextPart()])
    while (!a.isAtEnd || !b.isAtEnd) {
      const isInFirst = !a.isAtEnd && (b.isAtEnd || a.key <= b.key)
      const isInSecond = !b.isAtEnd && (a.isAtEnd || b.key <= a.key)
      const change = !isInSecond ? 'removed' : !isInFirst ? 'added' : a.hasValueOf(b) ? 'unchanged' : 'changed'
      const told = visit(change, isInFirst ? a : undefined, isInSecond ? b : undefined)
      // No promise for each of millions of keys.
      if (told !== undefined) await told
      if (isInFirst && !a.step()) await a.nextPart()
      if (isInSecond && !b.step()) await b.nextPart()
    }
  } finally {
    await first.return(undefined)
    await second.return(undefined)
  }
}

async function* streamOf(side: Side | undefined, tasks: readonly TaskKey[]): AsyncGenerator<StateChanges> {
  if (side === undefined) return
  const range = keysBeginningWith(statePrefix(side.state.id))
  const reading = { ...side.reading, budgetBytes: side.reading.budgetBytes / Math.max(1, tasks.length) }
  const streams = tasks.map((task) => liveChanges(reading, task, range))
  if (streams.length === 1) yield* streams[0]!
  else yield* acrossStreams(tasks[0] ?? '', streams)
}

const ID_BYTES = 2

/** A place in a stream of one state. */
class Cursor {
  part!: StateChanges
  at = 0
  /** Behind the id of the state. */
  key = ''
  isAtEnd = false
  private readonly parts: AsyncIterator<StateChanges>

  constructor(parts: AsyncIterator<StateChanges>) {
    this.parts = parts
  }

  async nextPart(): Promise<void> {
    const next = await this.parts.next()
    this.isAtEnd = next.done === true
    if (next.done === true) return
    this.part = next.value
    this.at = 0
    this.key = this.part.keys[0]!.slice(ID_BYTES)
  }

  /** False at the end of the part. */
  step(): boolean {
    if (++this.at >= this.part.keys.length) return false
    this.key = this.part.keys[this.at]!.slice(ID_BYTES)
    return true
  }

  hasValueOf(other: Cursor): boolean {
    const expiry = this.part.expiresAtMs?.[this.at] ?? 0
    return expiry === (other.part.expiresAtMs?.[other.at] ?? 0) && this.value().equals(other.value())
  }

  private value(): Buffer {
    return this.part.values.subarray(this.part.valueStarts[this.at]!, this.part.valueEnds[this.at]!)
  }
}
