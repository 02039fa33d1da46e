/**
 * What a task's state holds within a range of keys: its runs merged as a restore does it, of each key the newest, without
 * what was deleted or has expired. Streamed: of each run some windows are in memory, never a slice.
 */
import type { PlacedLink } from '../checkpoint/compaction-policy.ts'
import { mergeSlices } from '../checkpoint/segment/merge-slices.ts'
import { streamRange } from '../checkpoint/segment/stream-range.ts'
import { windowBytesFor } from '../checkpoint/segment/window-bytes.ts'
import { systemClock } from '../common/clock.ts'
import type { KeyRange } from '../records/changes-in-range.ts'
import type { StateChanges } from '../records/state-changes.ts'
import type { TaskKey } from '../records/task-id.ts'
import type { SegmentMarks } from './segment-marks.ts'
import { readRange, type SliceRun, type Snapshot } from './snapshot.ts'

/** For windows that are fetched or being decoded, of all streams that are open at the same time. */
export const READ_BUDGET_BYTES = 32 * 1024 * 1024
/** About a block. */
const LEAST_WINDOW_BYTES = 32 * 1024
/** Below this a slice is read as a whole: a request costs more than its bytes. */
const MARKS_FROM_BYTES = 128 * 1024

export interface LiveReading {
  readonly snapshot: Snapshot
  readonly marks: SegmentMarks
  /** What has expired by then is left out. */
  readonly nowMs: number
  readonly budgetBytes: number
}

/** Ascending by key, in parts. Nothing of it goes on when it is given up. */
export function liveChanges(reading: LiveReading, task: TaskKey, keys: KeyRange): AsyncGenerator<StateChanges> {
  const runs = reading.snapshot.tasks.get(task) ?? []
  const windowBytes = windowBytesFor(runs.length, reading.budgetBytes, LEAST_WINDOW_BYTES)
  const newestFirst = [...runs].reverse().map((run) => readRun(reading, task, run, keys, windowBytes))
  return mergeSlices(newestFirst, { dropDeletes: true, expiredByMs: reading.nowMs, clock: systemClock })
}

async function* readRun(
  { snapshot, marks }: LiveReading,
  task: TaskKey,
  run: SliceRun,
  keys: KeyRange,
  windowBytes: number,
): AsyncGenerator<StateChanges> {
  const isWhole = keys.from === '' && keys.to === null
  const marksOf = (link: PlacedLink) => (isWhole || link.bytes < MARKS_FROM_BYTES ? [] : marks.of(link))
  for (let at = isWhole ? 0 : await firstLink(run, keys.from, marksOf); at < run.length; at++) {
    const link = run[at]!
    const { path, offset, bytes } = link
    const read = (start: number, end: number) => readRange(snapshot, path, start, end)
    const found = await marksOf(link)
    // It begins behind the range, and so do those behind it.
    if (keys.to !== null && found[0] !== undefined && found[0].key >= keys.to) return
    yield* streamRange(read, { offset, bytes, keys, marks: found }, { path, task }, windowBytes)
  }
}

/** The last link that begins at `key` or before, by halves: a run may be of many files. Without marks nothing is left out. */
async function firstLink(
  run: SliceRun,
  key: string,
  marksOf: (link: PlacedLink) => readonly { readonly key: string }[] | Promise<readonly { readonly key: string }[]>,
): Promise<number> {
  let low = 0
  let high = run.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    const first = (await marksOf(run[middle]!))[0]
    if (first !== undefined && first.key <= key) low = middle
    else if (first !== undefined) high = middle - 1
    else return low
  }
  return low
}
