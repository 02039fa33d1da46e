/**
 * Runs of a task's chain as one stream, of each key the newest: what a restore, a savepoint and a merge in the background
 * read. Of each run one window is decoded while the next is fetched, never a whole slice.
 */
import type { CheckpointStorage } from '../ports/checkpoint-storage.ts'
import type { StateChanges } from '../records/state-changes.ts'
import type { TaskKey } from '../records/task-id.ts'
import type { PlacedLink, Run } from './compaction-policy.ts'
import { streamSlice } from './segment/decode-slice.ts'
import { type MergeOptions, mergeSlices } from './segment/merge-slices.ts'
import { windowBytesFor } from './segment/window-bytes.ts'

export interface RunsReading {
  readonly storage: CheckpointStorage
  readonly task: TaskKey
  /** Oldest first. */
  readonly runs: readonly Run[]
  /** For what is fetched and not merged yet. */
  readonly budgetBytes: number
  readonly signal?: AbortSignal | undefined
  readonly onFetched?: ((bytes: number) => void) | undefined
}

/** Keys ascend. */
export function mergeRuns(reading: RunsReading, options: MergeOptions): AsyncGenerator<StateChanges> {
  const { runs, budgetBytes } = reading
  const windowBytes = windowBytesFor(runs.length, budgetBytes)
  return mergeSlices(runs.map(({ links }) => streamRun(reading, links, windowBytes)).reverse(), options)
}

/** The links of one run, one behind another: their keys ascend. */
async function* streamRun(
  { storage, task, signal, onFetched }: RunsReading,
  links: readonly PlacedLink[],
  windowBytes: number,
): AsyncGenerator<StateChanges> {
  for (const link of links) {
    const { path } = link
    const read = async (start: number, end: number) => {
      const bytes = await storage.getRange(path, start, end, signal)
      onFetched?.(bytes.length)
      return bytes
    }
    yield* streamSlice(read, link, { path, task }, windowBytes)
  }
}
