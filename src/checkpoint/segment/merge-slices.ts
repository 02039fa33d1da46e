/** Merges slices of one task into one: of each key the newest entry. For compaction, and for restoring a long chain. */
import { assert } from '../../common/assert.ts'
import { type Clock, systemClock } from '../../common/clock.ts'
import { TimeSlice } from '../../common/time-slice.ts'
import type { StateChanges } from '../../records/state-changes.ts'
import { StateChangesBuilder } from '../../records/state-changes-builder.ts'

export type ChangesStream = Iterable<StateChanges> | AsyncIterable<StateChanges>

export interface MergeOptions {
  /** Leave deletions out: right only when nothing older than these slices exists. Default: they are kept. */
  readonly dropDeletes?: boolean
  /**
   * What has expired by then becomes a deletion (and is left out with `dropDeletes`). Default: nothing does. Never later
   * than now: an entry that is dropped cannot come back.
   */
  readonly expiredByMs?: number
  readonly clock?: Clock
}

const CHUNK_ENTRIES = 4096
const CHUNK_VALUE_BYTES = 256 * 1024

/** @param newestFirst each with keys ascending across all its parts, as decodeSlice gives them */
export async function* mergeSlices(
  newestFirst: readonly ChangesStream[],
  { dropDeletes = false, expiredByMs = 0, clock = systemClock }: MergeOptions = {},
): AsyncGenerator<StateChanges> {
  const all = newestFirst.map((stream, age) => new Cursor(stream, age))
  // All at once: the first bytes of each are a round trip to the storage.
  const begun = await Promise.allSettled(all.map((cursor) => cursor.nextPart()))
  const failed = begun.find((one) => one.status === 'rejected')
  if (failed !== undefined) {
    for (const cursor of all) await cursor.close()
    throw failed.reason
  }
  const cursors = all.filter((_, i) => (begun[i] as PromiseFulfilledResult<boolean>).value)
  if (cursors.length === 0) return
  const builder = new StateChangesBuilder(cursors[0]!.part.task)
  const timeSlice = new TimeSlice(clock)
  const heap = new CursorHeap(cursors)
  let lastKey: string | null = null
  try {
    for (let cursor = heap.first; cursor !== undefined; cursor = heap.first) {
      assert(cursor.part.task === builder.task, 'slices of one task are merged')
      // Nothing stands beside it any more: what needs no change is passed on as it is.
      if (heap.isLast && cursor.at === 0 && cursor.key !== lastKey && isKept(cursor.part, dropDeletes, expiredByMs)) {
        if (builder.entries > 0) yield builder.build()
        yield cursor.part
        if (timeSlice.isOver) await timeSlice.giveWay()
        if (!(await cursor.nextPart())) heap.removeFirst()
        continue
      }
      // Equal keys stand newest first: the others of that key are passed over.
      if (cursor.key !== lastKey) {
        lastKey = cursor.key
        addEntry(builder, cursor, dropDeletes, expiredByMs)
        if (builder.entries === CHUNK_ENTRIES || builder.valueBytes >= CHUNK_VALUE_BYTES) {
          yield builder.build()
          if (timeSlice.isOver) await timeSlice.giveWay()
        }
      }
      const isAtEnd = !cursor.step() && !(await cursor.nextPart())
      if (isAtEnd) heap.removeFirst()
      else heap.settleFirst()
    }
    if (builder.entries > 0) yield builder.build()
  } finally {
    for (const cursor of cursors) await cursor.close()
  }
}

function addEntry(builder: StateChangesBuilder, cursor: Cursor, dropDeletes: boolean, expiredByMs: number): void {
  const { part, at, key } = cursor
  const start = part.valueStarts[at]!
  const expiresAtMs = part.expiresAtMs?.[at] ?? 0
  const isGone = start < 0 || (expiresAtMs !== 0 && expiresAtMs <= expiredByMs)
  if (!isGone) builder.put(key, part.values.subarray(start, part.valueEnds[at]!), expiresAtMs)
  else if (!dropDeletes) builder.delete(key)
}

/** Whether a part stays as it is. */
function isKept({ valueStarts, expiresAtMs }: StateChanges, dropDeletes: boolean, expiredByMs: number): boolean {
  if (expiresAtMs !== undefined && expiredByMs > 0) return false
  if (!dropDeletes) return true
  for (let i = 0; i < valueStarts.length; i++) if (valueStarts[i]! < 0) return false
  return true
}

/** A place in one slice. */
class Cursor {
  /** 0: the newest. */
  readonly age: number
  key = ''
  at = 0
  part!: StateChanges
  private readonly parts: AsyncIterator<StateChanges> | Iterator<StateChanges>

  constructor(stream: ChangesStream, age: number) {
    this.age = age
    this.parts = Symbol.asyncIterator in stream ? stream[Symbol.asyncIterator]() : stream[Symbol.iterator]()
  }

  /** False at the end of the part. */
  step(): boolean {
    if (++this.at >= this.part.keys.length) return false
    this.key = this.part.keys[this.at]!
    return true
  }

  /** False at the end of the slice. */
  async nextPart(): Promise<boolean> {
    for (;;) {
      const next = await this.parts.next()
      if (next.done === true) return false
      if (next.value.keys.length === 0) continue
      this.part = next.value
      this.at = 0
      this.key = this.part.keys[0]!
      return true
    }
  }

  async close(): Promise<void> {
    await this.parts.return?.()
  }

  isBefore(other: Cursor): boolean {
    return this.key < other.key || (this.key === other.key && this.age < other.age)
  }
}

/** A binary heap with the least key, of equal ones the newest, first. */
class CursorHeap {
  private readonly heap: Cursor[]

  constructor(cursors: readonly Cursor[]) {
    // A sorted array is a heap.
    this.heap = [...cursors].sort((a, b) => (a.isBefore(b) ? -1 : 1))
  }

  get first(): Cursor | undefined {
    return this.heap[0]
  }

  get isLast(): boolean {
    return this.heap.length === 1
  }

  removeFirst(): void {
    const last = this.heap.pop()!
    if (this.heap.length === 0) return
    this.heap[0] = last
    this.settleFirst()
  }

  /** Restores the order after the first has moved on. */
  settleFirst(): void {
    const { heap } = this
    const moving = heap[0]!
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && heap[child + 1]!.isBefore(heap[child]!)) child++
      if (!heap[child]!.isBefore(moving)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = moving
  }
}
