/**
 * Where the state of the last completed checkpoint lies while a worker runs: RocksDB, or memory. A backend never holds
 * anything newer than that checkpoint; what has changed since lives in the overlay (state/). So rolling back is
 * dropping the overlay, and a backend needs neither snapshots nor undo.
 *
 * Every implementation passes `state/backend-contract.ts`.
 */
import type { StateChanges } from '../records/state-changes.ts'
import type { TaskKey } from '../records/task-id.ts'

/** Says which checkpoint a task's local state is (R13 of docs/protocol.md). Written in the same atomic batch as the state. */
export interface TaskMarker {
  readonly checkpoint: number
  /** The epoch that completed it. */
  readonly epoch: number
  /** SHA-256 of the checkpoint's metadata, hex. */
  readonly metadataDigest: string
  /**
   * Present: the changes behind checkpoint `since` are being written, and only some of them may be there. Whoever goes on
   * from such state writes all of them again, which is the same as writing them once. Absent: all of them are there.
   */
  readonly since?: number
}

export interface StateEntry {
  readonly key: string
  readonly value: Buffer
  /** 0: never. */
  readonly expiresAtMs: number
}

export interface StateBackend {
  readonly kind: 'memory' | 'rocksdb'
  /** On the local disk, locked while it is open; null: nothing outlives the process. */
  readonly directory: string | null
  /**
   * Opens (and locks) the local directory. Throws MR_STATE_DIRECTORY_LOCKED when another process or another worker of
   * this one holds it, MR_STATE_LOCAL_CORRUPT when what lies there cannot be read: then `reset` and restore all.
   */
  open(): Promise<void>
  /** Removes everything that lies in the local directory and opens it empty, whether it was open or not. */
  reset(): Promise<void>
  /** The tasks that have local state here, with their markers. */
  markers(): Promise<Map<TaskKey, TaskMarker>>
  /**
   * The values of `keys` (binary strings) in their order; null where there is none, or where it has expired by `nowMs`.
   * One multi-get. The buffers are the caller's to keep. While an `apply` is under way, each key has its value of either
   * before or after it: so the caller looks into what is being applied first. Throws MR_STATE_LOCAL_CORRUPT.
   *
   * @param expiresAtMs is given at the same places when the values expire, for those that do
   */
  getMany(task: TaskKey, keys: readonly string[], nowMs: number, expiresAtMs?: number[]): Promise<(Buffer | null)[]>
  /**
   * Applies all changes and sets all markers in one atomic, durable-in-order batch: after a crash either all of it is
   * there or nothing of it, and never a later batch without an earlier one. Oldest changes first where a task occurs
   * more than once. Buffers must stay as they are until it ends. After a failure every later `apply` fails too.
   */
  apply(changes: readonly StateChanges[], markers: ReadonlyMap<TaskKey, TaskMarker>): Promise<void>
  /**
   * The task's live entries whose key begins with `prefix`, ascending by bytes, as of the first `next`. It holds
   * resources until it was read to its end or its `return` was called, which `for await` does.
   */
  scan(task: TaskKey, prefix: string, nowMs: number): AsyncIterable<StateEntry>
  /**
   * Removes what has expired by `nowMs` among some of the task's entries whose key begins with `prefix`: looks at `count` of
   * them, and at the next call at those behind, in turns. Nobody was to see them any more: it only makes room.
   */
  dropExpired(task: TaskKey, prefix: string, nowMs: number, count: number): Promise<void>
  /** Removes all local state of the task and its marker, atomically. */
  deleteTask(task: TaskKey): Promise<void>
  /** Estimated bytes of memory it uses now outside the JavaScript heap. */
  memoryBytes(): number
  /** Waits for what is under way, ends open scans and gives the directory free. */
  close(): Promise<void>
}
