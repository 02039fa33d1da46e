/**
 * Brings the backend to the restore point. Local state of a task is used only if its marker says that it is the restore
 * point or one of its ancestors (R13); then only what came since is fetched. Everything else is deleted and fetched.
 */

import type { ChainLink, CheckpointMetadata } from '../checkpoint/metadata.ts'
import type { RestorePoint } from '../checkpoint/protocol/control-records.ts'
import { decodeSlice } from '../checkpoint/segment/decode-slice.ts'
import { defined } from '../common/assert.ts'
import type { CheckpointStorage } from '../ports/checkpoint-storage.ts'
import type { StateBackend, TaskMarker } from '../ports/state-backend.ts'
import type { StateChanges } from '../records/state-changes.ts'
import type { TaskKey } from '../records/task-id.ts'

/** Slices that are fetched ahead of the one that is applied. */
const FETCH_AHEAD = 6

/** Stands in a task's marker while its state is being put together: no checkpoint has this number. */
const INCOMPLETE: TaskMarker = { checkpoint: -1, epoch: -1, metadataDigest: '' }

export interface RestoreReport {
  readonly tasks: number
  /** Tasks whose local state was taken as it was or as a base. */
  readonly tasksFromLocal: number
  readonly fetchedBytes: number
  readonly fetchedEntries: number
  /** Tasks that have no state at all. */
  readonly emptyTasks: ReadonlySet<TaskKey>
}

export interface RestoreParts {
  readonly backend: StateBackend
  readonly storage: CheckpointStorage
  readonly restorePoint: RestorePoint | null
  readonly metadata: CheckpointMetadata | null
  /** Completed checkpoints that the log still holds, the restore point's ancestors. */
  readonly ancestors: readonly RestorePoint[]
  readonly tasks: readonly TaskKey[]
  /** Aborted: nothing more is applied, and what is under way ends with the signal's reason. */
  readonly signal?: AbortSignal
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void
}

interface TaskPlan {
  readonly task: TaskKey
  readonly links: readonly ChainLink[]
  readonly isFresh: boolean
}

export async function restoreState(parts: RestoreParts): Promise<RestoreReport> {
  const { backend, tasks, restorePoint, metadata } = parts
  const markers = await backend.markers()
  for (const task of markers.keys()) if (!tasks.includes(task)) await backend.deleteTask(task)
  const plans: TaskPlan[] = []
  for (const task of tasks) {
    parts.signal?.throwIfAborted()
    const plan = planTask(parts, task, markers.get(task))
    if (plan.isFresh && markers.has(task)) await backend.deleteTask(task)
    plans.push(plan)
  }
  const totalBytes = plans.flatMap((plan) => plan.links).reduce((sum, link) => sum + link.bytes, 0)
  let fetchedBytes = 0
  let fetchedEntries = 0
  for (const { task, links } of plans) {
    if (restorePoint === null || metadata === null) continue
    if (links.length > 0) await backend.apply([], new Map([[task, INCOMPLETE]]))
    await applyInOrder(parts, task, links, (link) => {
      fetchedBytes += link.bytes
      fetchedEntries += link.entries
      parts.onProgress?.(fetchedBytes, totalBytes)
    })
    parts.signal?.throwIfAborted()
    const { checkpoint, epoch, sha256 } = restorePoint
    await backend.apply([], new Map([[task, { checkpoint, epoch, metadataDigest: sha256 }]]))
  }
  return {
    tasks: tasks.length,
    tasksFromLocal: plans.filter((plan) => !plan.isFresh).length,
    fetchedBytes,
    fetchedEntries,
    emptyTasks: new Set(tasks.filter((task) => (metadata?.chains[task]?.length ?? 0) === 0)),
  }
}

function planTask(
  { restorePoint, metadata, ancestors }: RestoreParts,
  task: TaskKey,
  marker: TaskMarker | undefined,
): TaskPlan {
  const chain = metadata?.chains[task] ?? []
  if (restorePoint === null || metadata === null) return { task, links: [], isFresh: true }
  const isAncestor =
    marker !== undefined &&
    [...ancestors, restorePoint].some(
      (point) => point.checkpoint === marker.checkpoint && point.sha256 === marker.metadataDigest,
    )
  if (!isAncestor) return { task, links: chain, isFresh: true }
  const newer = chain.filter((link) => defined(metadata.segments[link.segment], 'segment').since > marker.checkpoint)
  return { task, links: newer, isFresh: false }
}

/** Fetches some slices ahead, applies one after another, oldest first: what is newer overwrites. */
async function applyInOrder(
  parts: RestoreParts,
  task: TaskKey,
  links: readonly ChainLink[],
  onDone: (link: ChainLink) => void,
): Promise<void> {
  const { storage, backend, metadata } = parts
  const fetch = (link: ChainLink): Promise<readonly StateChanges[]> => {
    const { path } = defined(metadata?.segments[link.segment], 'segment')
    const fetched = storage
      .getRange(path, link.offset, link.offset + link.bytes, parts.signal)
      .then((bytes) => [...decodeSlice(bytes, { path, task })])
    // It is awaited in its turn; until then a rejection must not count as unhandled.
    fetched.catch(() => {})
    return fetched
  }
  const fetching = links.slice(0, FETCH_AHEAD).map(fetch)
  for (const [i, link] of links.entries()) {
    const ahead = links[i + FETCH_AHEAD]
    if (ahead !== undefined) fetching.push(fetch(ahead))
    for (const changes of await defined(fetching[i], 'slice under way')) {
      parts.signal?.throwIfAborted()
      await backend.apply([changes], new Map())
    }
    fetching[i] = Promise.resolve([])
    onDone(link)
  }
}
