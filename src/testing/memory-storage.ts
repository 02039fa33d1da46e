/** A checkpoint storage in memory, which can be told to fail. */
import { MillraceError } from '../common/errors.ts'
import type { CheckpointStorage, StoredFile } from '../ports/checkpoint-storage.ts'
import { checkedStoragePath, checkedStoragePrefix, checkRange } from '../ports/storage-path.ts'

export class MemoryStorage implements CheckpointStorage {
  readonly uri = 'memory:'
  readonly files = new Map<string, Buffer>()
  /** Thrown by every `put` while set. */
  refusal: Error | undefined
  private readonly times = new Map<string, number>()
  private readonly nowMs: () => number

  constructor(nowMs: () => number = Date.now) {
    this.nowMs = nowMs
  }

  async check() {}

  async put(path: string, chunks: readonly Uint8Array[], signal?: AbortSignal): Promise<void> {
    checkedStoragePath(path)
    signal?.throwIfAborted()
    if (this.refusal !== undefined) throw this.refusal
    const bytes = Buffer.concat(chunks)
    const existing = this.files.get(path)
    if (existing !== undefined && !existing.equals(bytes)) {
      throw new MillraceError('MR_STORAGE_EXISTS', `${path} exists with other contents`)
    }
    this.files.set(path, bytes)
    this.times.set(path, this.nowMs())
  }

  async get(path: string, signal?: AbortSignal): Promise<Buffer> {
    checkedStoragePath(path)
    signal?.throwIfAborted()
    const bytes = this.files.get(path)
    if (bytes === undefined) throw new MillraceError('MR_STORAGE_NOT_FOUND', `${path} is not there`)
    return bytes
  }

  async getRange(path: string, start: number, end: number, signal?: AbortSignal): Promise<Buffer> {
    checkRange(start, end)
    return (await this.get(path, signal)).subarray(start, end)
  }

  async *list(prefix: string): AsyncIterable<StoredFile> {
    checkedStoragePrefix(prefix)
    for (const path of [...this.files.keys()].sort()) {
      const bytes = this.files.get(path)
      if (bytes !== undefined && path.startsWith(prefix)) {
        yield { path, bytes: bytes.length, modifiedAtMs: this.times.get(path) ?? 0 }
      }
    }
  }

  async delete(paths: readonly string[]): Promise<void> {
    for (const path of paths) this.files.delete(path)
  }

  async close() {}
}
