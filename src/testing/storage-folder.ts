/** A folder of a storage, as a storage of its own: what opening its URI gives, for storages that have none to open. */
import type { CheckpointStorage, StoredFile } from '../ports/checkpoint-storage.ts'

export class StorageFolder implements CheckpointStorage {
  readonly uri: string
  private readonly storage: CheckpointStorage
  private readonly prefix: string

  /** @param uri that of the storage, and the path of the folder behind it */
  constructor(storage: CheckpointStorage, uri: string) {
    this.uri = uri
    this.storage = storage
    this.prefix = `${uri.slice(storage.uri.length).replace(/^\//, '')}/`
  }

  async check() {}

  put(path: string, chunks: readonly Uint8Array[], signal?: AbortSignal): Promise<void> {
    return this.storage.put(this.prefix + path, chunks, signal)
  }

  get(path: string, signal?: AbortSignal): Promise<Buffer> {
    return this.storage.get(this.prefix + path, signal)
  }

  getRange(path: string, start: number, end: number, signal?: AbortSignal): Promise<Buffer> {
    return this.storage.getRange(this.prefix + path, start, end, signal)
  }

  async *list(prefix: string): AsyncIterable<StoredFile> {
    for await (const file of this.storage.list(this.prefix + prefix)) {
      yield { ...file, path: file.path.slice(this.prefix.length) }
    }
  }

  delete(paths: readonly string[]): Promise<void> {
    return this.storage.delete(paths.map((path) => this.prefix + path))
  }

  async close() {}
}
