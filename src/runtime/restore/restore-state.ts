/**
 * Brings the backend to the restore point. Local state of a task is used only if its marker says that it is the restore
 * point or one of its ancestors (R13); then only what came since is fetched. Everything else is deleted and fetched.
 */

import type { CheckpointMetadata } from '../../checkpoint/metadata.ts'
import type { RestorePoint } from '../../checkpoint/protocol/control-records.ts'
import { type Clock, systemClock } from '../../common/clock.ts'
import type { CheckpointStorage } from '../../ports/checkpoint-storage.ts'
import type { StateBackend } from '../../ports/state-backend.ts'
import type { TaskKey } from '../../records/task-id.ts'
import { applyLinks } from './apply-links.ts'
import { type Ancestor, bytesOf, planTask, type RestorePlan } from './restore-plan.ts'

/** Tasks that are restored at the same time: one decodes while another waits for the storage or the disk. */
const TASKS_AT_ONCE = 4
/** For what they have fetched and not applied yet. */
const BUDGET_BYTES = 64 * 1024 * 1024

export interface RestoreReport {
  /** That the backend holds of all tasks now; 0: it is empty. */
  readonly checkpoint: number
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
  /** Completed checkpoints that the restore point descends from, as far as the log tells. */
  readonly ancestors: readonly Ancestor[]
  readonly tasks: readonly TaskKey[]
  /** Copies of tasks that others run: left as they are. Default: there are none. */
  readonly standby?: readonly TaskKey[]
  /** Aborted: nothing more is applied, and what is under way ends with the signal's reason. */
  readonly signal?: AbortSignal
  /** Default: the system's. */
  readonly clock?: Clock
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void
}

export async function restoreState(parts: RestoreParts): Promise<RestoreReport> {
  const { backend, tasks, metadata, standby = [] } = parts
  const markers = await backend.markers()
  for (const task of markers.keys()) {
    if (!tasks.includes(task) && !standby.includes(task)) await backend.deleteTask(task)
  }
  const plans: RestorePlan[] = []
  for (const task of tasks) {
    parts.signal?.throwIfAborted()
    const plan = planTask(parts, task, markers.get(task))
    if (plan.isFresh && markers.has(task)) await backend.deleteTask(task)
    plans.push(plan)
  }
  const totalBytes = bytesOf(plans)
  let fetchedBytes = 0
  const onFetched = (bytes: number) => {
    fetchedBytes += bytes
    parts.onProgress?.(fetchedBytes, totalBytes)
  }
  const waiting = [...plans]
  // The first failure ends the others.
  const failing = new AbortController()
  const signal = parts.signal === undefined ? failing.signal : AbortSignal.any([parts.signal, failing.signal])
  const restoreSome = async () => {
    for (let plan = waiting.shift(); plan !== undefined; plan = waiting.shift()) {
      try {
        await restoreTask({ ...parts, signal }, plan, onFetched)
      } catch (error) {
        waiting.length = 0
        failing.abort(error)
        throw error
      }
    }
  }
  // All of them have ended before it does: the next epoch must not find one at work.
  const ends = await Promise.allSettled(Array.from({ length: TASKS_AT_ONCE }, restoreSome))
  for (const end of ends) if (end.status === 'rejected') throw end.reason
  return {
    checkpoint: parts.restorePoint?.checkpoint ?? 0,
    tasks: tasks.length,
    tasksFromLocal: plans.filter((plan) => !plan.isFresh).length,
    fetchedBytes,
    fetchedEntries: plans.flatMap((plan) => plan.links).reduce((sum, link) => sum + link.entries, 0),
    emptyTasks: new Set(tasks.filter((task) => (metadata?.chains[task] ?? []).every((link) => link.entries === 0))),
  }
}

async function restoreTask(parts: RestoreParts, plan: RestorePlan, onFetched: (bytes: number) => void): Promise<void> {
  const { backend, storage, restorePoint, metadata, signal, clock = systemClock } = parts
  if (restorePoint === null || metadata === null) return
  const budgetBytes = BUDGET_BYTES / TASKS_AT_ONCE
  await applyLinks({ backend, storage, clock, restorePoint, metadata, budgetBytes, signal, onFetched }, plan)
}
