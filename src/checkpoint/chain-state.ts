/** The state that a checkpoint holds of a task: its chain, streamed and merged, of each key the newest, without deletions. */
import { defined } from '../common/assert.ts'
import type { Clock } from '../common/clock.ts'
import type { CheckpointStorage } from '../ports/checkpoint-storage.ts'
import type { StateChanges } from '../records/state-changes.ts'
import type { TaskKey } from '../records/task-id.ts'
import { runsOf } from './compaction-policy.ts'
import type { CheckpointMetadata } from './metadata.ts'
import { streamSlice } from './segment/decode-slice.ts'
import { mergeSlices } from './segment/merge-slices.ts'

const LARGEST_WINDOW_BYTES = 1024 * 1024
const LEAST_WINDOW_BYTES = 64 * 1024

export interface ChainStateOptions {
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  /** For what is fetched and not merged yet. */
  readonly budgetBytes: number
  readonly onFetched?: (bytes: number) => void
}

/** What has expired by now is left out. Keys ascend. */
export function chainState(
  storage: CheckpointStorage,
  metadata: CheckpointMetadata,
  task: TaskKey,
  { clock, signal, budgetBytes, onFetched }: ChainStateOptions,
): AsyncGenerator<StateChanges> {
  const runs = runsOf(
    (metadata.chains[task] ?? []).map(({ segment, ...link }) => ({
      path: defined(metadata.segments[segment], 'segment of a link').path,
      ...link,
    })),
  )
  // Of each run one window is decoded while the next is fetched.
  const share = budgetBytes / Math.max(1, 2 * runs.length)
  const windowBytes = Math.min(LARGEST_WINDOW_BYTES, Math.max(LEAST_WINDOW_BYTES, Math.floor(share)))
  const newestFirst = runs.reverse().map(async function* ({ links }): AsyncGenerator<StateChanges> {
    for (const link of links) {
      const { path } = link
      const read = async (start: number, end: number) => {
        const bytes = await storage.getRange(path, start, end, signal)
        onFetched?.(bytes.length)
        return bytes
      }
      yield* streamSlice(read, link, { path, task }, windowBytes)
    }
  })
  return mergeSlices(newestFirst, { dropDeletes: true, expiredByMs: clock.nowMs(), clock })
}
