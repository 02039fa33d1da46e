/**
 * The state of several tasks as one stream, ascending by key: for what must be told of all keys in their order, wherever they
 * stand. Memory does not grow with the number of tasks: where a window of each is too much, each gives a small part at a time,
 * and nothing of it is open while its part is used up.
 */
import { mergeSlices } from '../checkpoint/segment/merge-slices.ts'
import { systemClock } from '../common/clock.ts'
import { SerialQueue } from '../common/serial-queue.ts'
import type { KeyRange } from '../records/changes-in-range.ts'
import type { StateChanges } from '../records/state-changes.ts'
import { type TaskKey, taskKey } from '../records/task-id.ts'
import { CopiedChanges } from './copied-changes.ts'
import { type LiveReading, liveChanges } from './live-changes.ts'

/** What a run takes that is open: a window in hand, one on its way, and a block of 64 KiB unpacked, whose keys are strings. */
const OPEN_RUN_BYTES = 256 * 1024
/** Parts that are read at the same time: at the beginning each task is asked for one. */
const READ_AT_ONCE = 4

export interface TasksReading {
  readonly reading: LiveReading
  readonly tasks: readonly TaskKey[]
  readonly keys: KeyRange
  /** Of what comes out. */
  readonly task: TaskKey
  /** What becomes of each task's state, which comes in parts, before it meets the others. Default: nothing. */
  readonly each?: (changes: AsyncIterable<StateChanges>) => AsyncIterable<StateChanges>
}

/** A key that stands in more than one task comes once. */
export function acrossTasks({ reading, tasks, keys, task, each = (changes) => changes }: TasksReading) {
  const { budgetBytes } = reading
  const runs = tasks.reduce((sum, one) => sum + (reading.snapshot.tasks.get(one)?.length ?? 0), 0)
  if (runs * OPEN_RUN_BYTES <= budgetBytes || tasks.length === 1) {
    const own = { ...reading, budgetBytes: budgetBytes / Math.max(1, tasks.length) }
    return merged(
      task,
      tasks.map((one) => each(liveChanges(own, one, keys))),
    )
  }
  const partBytes = budgetBytes / 2 / tasks.length
  const own = { ...reading, budgetBytes: budgetBytes / 2 / READ_AT_ONCE }
  const queues = Array.from({ length: READ_AT_ONCE }, () => new SerialQueue())
  return merged(
    task,
    tasks.map((one, i) => {
      const open = (range: KeyRange) => liveChanges(own, one, range)
      return each(inParts(open, keys, partBytes, queues[i % READ_AT_ONCE]!))
    }),
  )
}

/** Several streams as one, ascending by key: a key that stands in more than one comes once. */
export function merged(task: TaskKey, streams: readonly AsyncIterable<StateChanges>[]): AsyncGenerator<StateChanges> {
  const renamed = streams.map(async function* (stream) {
    for await (const changes of stream) yield changes.task === task ? changes : { ...changes, task }
  })
  return mergeSlices(renamed, { clock: systemClock })
}

/** Each part is read by a stream of its own, which begins behind the last key: the index of its file says where that is. */
async function* inParts(
  open: (range: KeyRange) => AsyncGenerator<StateChanges>,
  { from, to }: KeyRange,
  partBytes: number,
  queue: SerialQueue,
): AsyncGenerator<StateChanges> {
  for (let next = from; ; ) {
    const { part, isLast } = await queue.run(() => firstPart(open({ from: next, to }), partBytes))
    const last = part?.keys.at(-1)
    if (part !== undefined) yield part
    if (isLast || last === undefined) return
    next = `${last}\x00`
  }
}

interface Part {
  readonly part: StateChanges | undefined
  /** Nothing is behind it. */
  readonly isLast: boolean
}

/** A copy. At least one entry, if there is any. */
async function firstPart(changes: AsyncGenerator<StateChanges>, partBytes: number): Promise<Part> {
  let copied: CopiedChanges | undefined
  for await (const some of changes) {
    copied ??= new CopiedChanges(some.task)
    for (let i = 0; i < some.keys.length; i++) {
      if (copied.bytes >= partBytes) return { part: copied.build(), isLast: false }
      copied.add(some, i)
    }
  }
  return { part: copied?.build(), isLast: true }
}

/**
 * Tasks of two exchanges, or of one before and behind a change of its partitions, in groups that have no key in common: a key
 * of partition *p* of *m* and *q* of *n* has the same remainder by their greatest common divisor in both.
 */
export function partitionGroups(
  before: { readonly stage: string; readonly partitions: number },
  after: { readonly stage: string; readonly partitions: number },
): { readonly before: readonly TaskKey[]; readonly after: readonly TaskKey[] }[] {
  const groups = greatestCommonDivisor(before.partitions, after.partitions)
  const of = ({ stage, partitions }: typeof before, group: number) =>
    Array.from({ length: partitions / groups }, (_, i) => taskKey({ stage, partition: group + i * groups }))
  return Array.from({ length: groups }, (_, group) => ({ before: of(before, group), after: of(after, group) }))
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}
