/** A checkpoint storage in memory, which can be told to fail. */
import { MillraceError } from '../common/errors.ts'
import type { CheckpointStorage, StoredFile } from '../ports/checkpoint-storage.ts'

export class MemoryStorage implements CheckpointStorage {
  readonly uri = 'memory:'
  readonly files = new Map<string, Buffer>()
  /** Thrown by every `put` while set. */
  refusal: Error | undefined

  async check() {}

  async put(path: string, chunks: readonly Uint8Array[]): Promise<void> {
    if (this.refusal !== undefined) throw this.refusal
    const bytes = Buffer.concat(chunks)
    const existing = this.files.get(path)
    if (existing !== undefined && !existing.equals(bytes)) {
      throw new MillraceError('MR_STORAGE_EXISTS', `${path} exists with other contents`)
    }
    this.files.set(path, bytes)
  }

  async get(path: string): Promise<Buffer> {
    const bytes = this.files.get(path)
    if (bytes === undefined) throw new MillraceError('MR_STORAGE_NOT_FOUND', `${path} is not there`)
    return bytes
  }

  async getRange(path: string, start: number, end: number): Promise<Buffer> {
    return (await this.get(path)).subarray(start, end)
  }

  async *list(prefix: string): AsyncIterable<StoredFile> {
    for (const path of [...this.files.keys()].sort()) {
      if (path.startsWith(prefix)) yield { path, bytes: this.files.get(path)!.length, modifiedAtMs: 0 }
    }
  }

  async delete(paths: readonly string[]): Promise<void> {
    for (const path of paths) this.files.delete(path)
  }

  async close() {}
}
