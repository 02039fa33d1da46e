/**
 * Which links of a task's chain are merged next. Pure, and the same for the same chain.
 *
 * A chain is a row of runs, the oldest first: a run is a link, or the parts of one merge. Two reasons to merge:
 *
 * - **all of it**, when what stands on the oldest run is more than `WHOLE_AT` of that run. The oldest run then is about
 *   as large as the live state, so a restore reads at most 1 + WHOLE_AT times that; and while old and new lie side by
 *   side the storage holds at most 2 + WHOLE_AT times that.
 * - **the newest runs**, when `RUNS` of about the same size have come together: the number of links, and so of reads at a
 *   restore, grows with the logarithm of the checkpoints between two merges of all.
 *
 * Written bytes per changed byte: 1 for the checkpoint, one for each tier (the logarithm), (1 + WHOLE_AT) / WHOLE_AT for all.
 */
import type { TaskKey } from '../records/task-id.ts'
import type { SlicePlace } from './manifest.ts'
import type { MergedRange } from './metadata.ts'

/** A link with its file's path in place of an index: files come and go. */
export interface PlacedLink extends SlicePlace {
  readonly bytes: number
  readonly entries: number
  readonly merged?: MergedRange
}

export interface Run {
  readonly links: readonly PlacedLink[]
  readonly bytes: number
}

/** What is to be merged: the newest runs. */
export interface MergeChoice {
  readonly runs: readonly Run[]
  /** They are all there are. */
  readonly isBottom: boolean
  /** The larger, the sooner. */
  readonly urgency: number
}

export const WHOLE_AT = 0.4
/** Tasks of a worker fill up alike: they are not to be due at once, for the sake of storage and of the work. */
const SPREAD = 0.3
export const RUNS = 8
/** Below this all sizes are alike: a read costs more than its bytes. */
const SMALL_BYTES = 64 * 1024

export function runsOf(chain: readonly PlacedLink[]): Run[] {
  const runs: { links: PlacedLink[]; bytes: number }[] = []
  for (const link of chain) {
    const last = runs.at(-1)
    // Links of one merge hold different keys: they are one run.
    if (last !== undefined && link.merged !== undefined && link.merged.part > 0) {
      last.links.push(link)
      last.bytes += link.bytes
    } else {
      runs.push({ links: [link], bytes: link.bytes })
    }
  }
  return runs
}

export function chooseMerge(task: TaskKey, chain: readonly PlacedLink[]): MergeChoice | null {
  const runs = runsOf(chain)
  const [oldest, ...newer] = runs
  if (oldest === undefined || newer.length === 0) return null
  const newerBytes = sumBytes(newer)
  const ratio = newerBytes / Math.max(oldest.bytes, 1)
  const isWorthIt = newerBytes >= SMALL_BYTES || runs.length > RUNS
  if (ratio > wholeAt(task) && isWorthIt) return { runs, isBottom: true, urgency: ratio / WHOLE_AT }
  let first = runs.length
  let bytes = 0
  while (first > 0 && runs[first - 1]!.bytes <= Math.max(bytes, SMALL_BYTES)) bytes += runs[--first]!.bytes
  const newest = runs.slice(first)
  return newest.length < RUNS ? null : { runs: newest, isBottom: first === 0, urgency: newest.length / (2 * RUNS) }
}

/** By the task's name: from (1 - SPREAD) × WHOLE_AT up to WHOLE_AT. */
function wholeAt(task: TaskKey): number {
  let hash = 0
  for (let i = 0; i < task.length; i++) hash = (hash * 31 + task.charCodeAt(i)) % 997
  return WHOLE_AT * (1 - (SPREAD * hash) / 997)
}

export function sumBytes(parts: readonly { readonly bytes: number }[]): number {
  return parts.reduce((sum, { bytes }) => sum + bytes, 0)
}
