/**
 * What a task's local state lacks of a checkpoint. It is used only if its marker says that it is that checkpoint or one of
 * its ancestors (R13); then only what came since is fetched. Otherwise it is thrown away and everything is fetched.
 */
import { linksSince } from '../../checkpoint/links-since.ts'
import type { ChainLink, CheckpointMetadata } from '../../checkpoint/metadata.ts'
import type { RestorePoint } from '../../checkpoint/protocol/control-records.ts'
import type { TaskMarker } from '../../ports/state-backend.ts'
import type { TaskKey } from '../../records/task-id.ts'

export interface RestorePlan {
  readonly task: TaskKey
  /** To be applied on top of what is there, or of nothing where it is fresh. */
  readonly links: readonly ChainLink[]
  readonly isFresh: boolean
  /** What is local holds all changes up to this checkpoint. */
  readonly since: number
}

/** A checkpoint as its completion in the control log names it. */
export type Ancestor = Pick<RestorePoint, 'checkpoint' | 'sha256'>

export interface RestoreTarget {
  readonly restorePoint: RestorePoint | null
  readonly metadata: CheckpointMetadata | null
  /** Completed checkpoints that it descends from, as far as they are known. */
  readonly ancestors: readonly Ancestor[]
}

export function planTask(
  { restorePoint, metadata, ancestors }: RestoreTarget,
  task: TaskKey,
  marker: TaskMarker | undefined,
): RestorePlan {
  const chain = metadata?.chains[task] ?? []
  if (restorePoint === null || metadata === null) return { task, links: [], isFresh: true, since: 0 }
  const isAncestor =
    marker !== undefined &&
    [...ancestors, restorePoint].some(
      (point) => point.checkpoint === marker.checkpoint && point.sha256 === marker.metadataDigest,
    )
  if (!isAncestor) return { task, links: chain, isFresh: true, since: 0 }
  const since = marker.since ?? marker.checkpoint
  const newer = linksSince(metadata, task, { since, checkpoint: marker.checkpoint })
  return newer === null ? { task, links: chain, isFresh: true, since: 0 } : { task, links: newer, isFresh: false, since }
}

export function bytesOf(plans: readonly RestorePlan[]): number {
  let bytes = 0
  for (const { links } of plans) for (const link of links) bytes += link.bytes
  return bytes
}
