/** The state that a checkpoint holds of a task: its chain, streamed and merged, of each key the newest, without deletions. */
import type { Clock } from '../common/clock.ts'
import type { CheckpointStorage } from '../ports/checkpoint-storage.ts'
import type { StateChanges } from '../records/state-changes.ts'
import type { TaskKey } from '../records/task-id.ts'
import { runsOf } from './compaction-policy.ts'
import { mergeRuns } from './merge-runs.ts'
import type { CheckpointMetadata } from './metadata.ts'
import { placedLinks } from './placed-links.ts'

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
  { clock, ...options }: ChainStateOptions,
): AsyncGenerator<StateChanges> {
  const runs = runsOf(placedLinks(metadata, metadata.chains[task] ?? []))
  return mergeRuns({ storage, task, runs, ...options }, { dropDeletes: true, expiredByMs: clock.nowMs(), clock })
}
