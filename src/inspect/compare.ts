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
import { acrossTasks, partitionGroups } from './across-tasks.ts'
import type { LiveReading } from './live-changes.ts'
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
  readonly before: ComparedEntry | undefined
  readonly after: ComparedEntry | undefined
}

/** Where it stands is not told: tasks are compared together where their number differs. */
export type ComparedEntry = Pick<StoredEntry, 'value' | 'version' | 'expiresAtMs'>

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
    return { operator, state, change, key, mapKey, before: before && compared(before), after: after && compared(after) }
  }
}

function compared({ value, version, expiresAtMs }: StoredEntry): ComparedEntry {
  return { value, version, expiresAtMs }
}

/** Is told of each key where it stands in the first and in the second; what it returns is awaited. */
type Visit = (change: StateDifference['change'] | 'unchanged', a: Cursor | undefined, b: Cursor | undefined) => unknown

async function compareSides(before: Side | undefined, after: Side | undefined, visit: Visit): Promise<void> {
  for (const [first, second] of tasksToCompare(before, after))
    await join(streamOf(before, first), streamOf(after, second), visit)
}

/** The tasks of both that may have keys in common: as few at a time as can be. */
function tasksToCompare(before: Side | undefined, after: Side | undefined): [readonly TaskKey[], readonly TaskKey[]][] {
  if (before === undefined || after === undefined || arePartitionedAlike(before, after)) {
    return [...new Set([...(before?.tasks ?? []), ...(after?.tasks ?? [])])].map((task) => [[task], [task]])
  }
  const [a, b] = [exchangeOf(before), exchangeOf(after)]
  if (a === undefined || b === undefined) return [[before.tasks, after.tasks]]
  return partitionGroups(a, b).map((group) => [group.before, group.after])
}

/** Whose tasks the state's are; undefined: they are a source's, whose producers have spread the keys. */
function exchangeOf({ state: { stage }, reading: { snapshot } }: Side) {
  const partitions = stage === undefined ? undefined : snapshot.exchangePartitions.get(stage)
  return stage === undefined || partitions === undefined ? undefined : { stage, partitions }
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
  const { reading, state } = side
  const [task = ''] = tasks
  yield* acrossTasks({ reading, tasks, keys: keysBeginningWith(statePrefix(state.id)), task })
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
