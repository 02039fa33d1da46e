/** Brings one task's links into the backend: streamed, merged newest first, so that each key is written once. */
import { runsOf } from '../../checkpoint/compaction-policy.ts'
import { mergeRuns } from '../../checkpoint/merge-runs.ts'
import type { ChainLink, CheckpointMetadata } from '../../checkpoint/metadata.ts'
import { placedLinks } from '../../checkpoint/placed-links.ts'
import type { Clock } from '../../common/clock.ts'
import type { CheckpointStorage } from '../../ports/checkpoint-storage.ts'
import type { StateBackend } from '../../ports/state-backend.ts'
import type { StateChanges } from '../../records/state-changes.ts'
import type { TaskKey } from '../../records/task-id.ts'

/** Entries of one batch of the backend: larger ones cost fewer calls, and hold the event loop for longer. */
const BATCH_ENTRIES = 4096

export interface ChainRestore {
  readonly backend: StateBackend
  readonly storage: CheckpointStorage
  readonly clock: Clock
  readonly metadata: CheckpointMetadata
  readonly task: TaskKey
  readonly links: readonly ChainLink[]
  /** The backend holds nothing of the task yet: deletions need not be written. */
  readonly isFresh: boolean
  /** For what is fetched and not applied yet. */
  readonly budgetBytes: number
  readonly signal: AbortSignal | undefined
  readonly onFetched: (bytes: number) => void
}

export async function restoreChain(restore: ChainRestore): Promise<void> {
  const { backend, storage, clock, metadata, task, links, isFresh, budgetBytes, signal, onFetched } = restore
  const runs = runsOf(placedLinks(metadata, links))
  // What has expired is dropped only where nothing older could show through.
  const expiredByMs = isFresh ? clock.nowMs() : 0
  const merged = mergeRuns(
    { storage, task, runs, budgetBytes, signal, onFetched },
    { dropDeletes: isFresh, expiredByMs, clock },
  )
  let batch: StateChanges[] = []
  let entries = 0
  // One batch is written while the next is read and merged.
  let writing: Promise<void> = Promise.resolve()
  const write = async () => {
    await writing
    signal?.throwIfAborted()
    writing = backend.apply(batch, new Map())
    // It is awaited with the next one; until then a rejection must not count as unhandled.
    writing.catch(() => {})
    batch = []
    entries = 0
  }
  try {
    for await (const changes of merged) {
      batch.push(changes)
      entries += changes.keys.length
      if (entries >= BATCH_ENTRIES) await write()
    }
    if (entries > 0) await write()
  } finally {
    // Nothing of it goes on behind its end.
    await writing
  }
}
