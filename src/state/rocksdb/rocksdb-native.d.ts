/** The part of rocksdb-native 3.18 that we use; the package has no types. Read from its lib/. */
declare module 'rocksdb-native' {
  export interface DatabaseOptions {
    readonly writeBufferSize?: number
    readonly maxWriteBufferNumber?: number
    readonly maxBackgroundJobs?: number
    readonly tableBlockSize?: number
  }

  export interface WriteBatch {
    /** Keys and values must stay as they are until flush() ends: the binding holds pointers into them. */
    tryPut(key: Uint8Array, value: Uint8Array): void
    tryDelete(key: Uint8Array): void
    tryDeleteRange(start: Uint8Array, end: Uint8Array): void
    /** One atomic write, in the order of the calls. It goes through the write-ahead log and is not synced. */
    flush(): Promise<void>
    destroy(): void
  }

  export interface ReadBatch {
    get(key: Uint8Array): Promise<Buffer | null>
    /** Rejects when one of the gets did. */
    flush(): Promise<void>
    destroy(): void
  }

  export interface Iterator extends AsyncIterable<{ key: Buffer; value: Buffer }> {
    destroy(): void
  }

  export interface BatchOptions {
    /** Expected number of operations; it grows by doubling, which copies. */
    readonly capacity: number
    /** close() never ends while a batch is not destroyed; this destroys it when its flush ends. */
    readonly autoDestroy: boolean
  }

  export default class RocksDB {
    constructor(path: string, options?: DatabaseOptions)
    ready(): Promise<void>
    close(options?: { readonly force?: boolean }): Promise<void>
    read(options: BatchOptions): ReadBatch
    write(options: BatchOptions): WriteBatch
    /** A view of the database as of now; to be closed. */
    snapshot(): RocksDB
    iterator(range: { readonly gte: Uint8Array; readonly lt: Uint8Array }, options: { readonly capacity: number }): Iterator
    getProperty(name: string): Promise<string | undefined>
  }
}
