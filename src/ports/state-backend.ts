/**
 * Where the state of the last completed checkpoint lies while a worker runs: RocksDB, or memory. A backend never holds
 * anything newer than that checkpoint; what has changed since lives in the overlay (state/). So rolling back is
 * dropping the overlay, and a backend needs neither snapshots nor undo.
 *
 * Every implementation passes `state/backend-contract.ts`.
 */
import type { StateChanges } from '../records/state-changes.ts'
import type { TaskKey } from '../records/task-id.ts'

/** Says which checkpoint a task's local state is (PROTOCOL R13). Written in the same atomic batch as the state. */
export interface TaskMarker {
  readonly checkpoint: number
  /** The epoch that completed it. */
  readonly epoch: number
  /** SHA-256 of the checkpoint's metadata, hex. */
  readonly metadataDigest: string
}

export interface StateBackend {
  readonly kind: 'memory' | 'rocksdb'
  /** Opens (and locks) the local directory. Throws MR_STATE_DIRECTORY_LOCKED when another process holds it. */
  open(): Promise<void>
  /** The tasks that have local state here, with their markers. */
  markers(): Promise<Map<TaskKey, TaskMarker>>
  /**
   * The values of `keys` (binary strings) in their order; null where there is none, or where it has expired by `nowMs`.
   * One multi-get. The buffers are the caller's to keep.
   */
  getMany(task: TaskKey, keys: readonly string[], nowMs: number): Promise<(Buffer | null)[]>
  /**
   * Applies all changes and sets all markers in one atomic, durable-in-order batch: after a crash either all of it is
   * there or nothing of it, and never a later batch without an earlier one. Oldest changes first where a task occurs
   * more than once.
   */
  apply(changes: readonly StateChanges[], markers: ReadonlyMap<TaskKey, TaskMarker>): Promise<void>
  /** The task's live entries whose key begins with `prefix`, ascending by bytes, as of the call. */
  scan(task: TaskKey, prefix: string, nowMs: number): AsyncIterable<{ key: string; value: Buffer; expiresAtMs: number }>
  /** Removes all local state of the task, its marker first. */
  deleteTask(task: TaskKey): Promise<void>
  /** Estimated bytes of memory it uses now outside the JavaScript heap. */
  memoryBytes(): number
  close(): Promise<void>
}
