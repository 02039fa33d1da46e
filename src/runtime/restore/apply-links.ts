/**
 * Brings one task in the backend to a checkpoint. Whatever ends it midway, nothing half done is taken for the whole: a task
 * that began with nothing is of no checkpoint until all of it is there; one that began with local state is marked as
 * under way from there, and whoever goes on writes the same changes again.
 */
import type { CheckpointMetadata } from '../../checkpoint/metadata.ts'
import type { RestorePoint } from '../../checkpoint/protocol/control-records.ts'
import type { Clock } from '../../common/clock.ts'
import type { CheckpointStorage } from '../../ports/checkpoint-storage.ts'
import type { StateBackend, TaskMarker } from '../../ports/state-backend.ts'
import { restoreChain } from './restore-chain.ts'
import type { RestorePlan } from './restore-plan.ts'

/** Stands in a task's marker while its state is being put together: no checkpoint has this number. */
const INCOMPLETE: TaskMarker = { checkpoint: -1, epoch: -1, metadataDigest: '' }

export interface LinkParts {
  readonly backend: StateBackend
  readonly storage: CheckpointStorage
  readonly clock: Clock
  readonly restorePoint: RestorePoint
  readonly metadata: CheckpointMetadata
  /** For what is fetched and not applied yet. */
  readonly budgetBytes: number
  readonly signal: AbortSignal | undefined
  readonly onFetched: (bytes: number) => void
}

export async function applyLinks({ restorePoint, ...parts }: LinkParts, plan: RestorePlan): Promise<void> {
  const { backend, signal } = parts
  const { task, links, isFresh, since } = plan
  const marker = markerOf(restorePoint)
  if (links.length > 0) {
    await backend.apply([], new Map([[task, isFresh ? INCOMPLETE : { ...marker, since }]]))
    await restoreChain({ ...parts, ...plan })
  }
  signal?.throwIfAborted()
  await backend.apply([], new Map([[task, marker]]))
}

export function markerOf({ checkpoint, epoch, sha256 }: RestorePoint): TaskMarker {
  return { checkpoint, epoch, metadataDigest: sha256 }
}
