/**
 * Where checkpoints lie: a folder or an S3 prefix. Paths are relative, with `/`, of characters [A-Za-z0-9._-/]; no path
 * is a directory prefix of another. Files are immutable: written once, read, deleted.
 *
 * Every method but `check` and `close` may be under way many times at once. Failures that may pass are tried again within
 * the storage, up to its deadline, before they are thrown. A call whose signal is aborted rejects with its reason.
 *
 * Every implementation passes `checkpoint/storage-contract.ts`.
 */
export interface StoredFile {
  readonly path: string
  readonly bytes: number
  readonly modifiedAtMs: number
}

export interface CheckpointStorage {
  /** The absolute URI of the root, as people write it: `file:///var/lib/…`, `s3://bucket/prefix`. */
  readonly uri: string
  /**
   * Asks the storage whether it can be reached, read, written, listed and deleted from, and whether it refuses to replace
   * a file; throws the MR_STORAGE_… error a later call would, or MR_STORAGE_UNSUPPORTED. Leaves nothing behind.
   */
  check(): Promise<void>
  /**
   * Publishes a file whole or not at all, durably, and only if none is there (If-None-Match). The same bytes put again
   * under the same path are no error (a retry after a lost answer); other bytes throw MR_STORAGE_EXISTS.
   */
  put(path: string, chunks: readonly Uint8Array[], signal?: AbortSignal): Promise<void>
  /** Throws MR_STORAGE_NOT_FOUND. */
  get(path: string, signal?: AbortSignal): Promise<Buffer>
  /** Bytes [start, end) of a file; fewer where it ends before. Throws MR_STORAGE_NOT_FOUND. */
  getRange(path: string, start: number, end: number, signal?: AbortSignal): Promise<Buffer>
  /** The files whose path begins with `prefix`, in ascending order of path. What is put meanwhile may be among them. */
  list(prefix: string): AsyncIterable<StoredFile>
  /** A file that is not there is no error. */
  delete(paths: readonly string[]): Promise<void>
  close(): Promise<void>
}
