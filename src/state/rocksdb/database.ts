/**
 * The one room of rocksdb-native: opens a database, writes and reads batches, iterates. Knows nothing of tasks.
 *
 * Durability: a write is in the operating system's cache when it resolves, so it survives the end of the process; after
 * a power cut the last writes may be missing, but never one without all before it (write-ahead log, point-in-time
 * recovery, one column family). The markers tell which checkpoint that is.
 */
import { mkdir, readdir, rm, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type RocksDB from 'rocksdb-native'
import type { Iterator, ReadBatch, WriteBatch } from 'rocksdb-native'
import { assert, defined } from '../../common/assert.ts'
import { MillraceError, toError } from '../../common/errors.ts'
import { openError, useError } from './rocksdb-errors.ts'

export interface DatabaseSettings {
  /** Bytes of a memtable; there may be two. */
  readonly writeBufferBytes: number
}

/** Old info logs that are kept; RocksDB would keep a thousand, one for each start. */
const INFO_LOGS_KEPT = 3
/** 4 KiB: a read of one value copies and, in a large multi-get, pins a whole block. */
const BLOCK_BYTES = 4096
const ITERATOR_CAPACITY = 256

export class Database {
  /** What people know: errors name it. */
  private readonly directory: string
  private readonly path: string
  private readonly settings: DatabaseSettings
  private readonly iterators = new Set<Iterator>()
  private db: RocksDB | null = null

  constructor(directory: string, settings: DatabaseSettings) {
    this.directory = directory
    this.path = join(directory, 'db')
    this.settings = settings
  }

  async open(): Promise<void> {
    assert(this.db === null, 'a database is opened once')
    const Binding = await loadBinding()
    // The binding's own creation of missing folders spins for ever where mkdir answers ENOENT.
    await mkdir(this.path, { recursive: true }).catch((error) => {
      throw openError(error, this.directory)
    })
    const db = new Binding(this.path, {
      writeBufferSize: this.settings.writeBufferBytes,
      maxWriteBufferNumber: 2,
      maxBackgroundJobs: 2,
      tableBlockSize: BLOCK_BYTES,
    })
    try {
      await db.ready()
    } catch (error) {
      throw openError(error, this.directory)
    }
    this.db = db
    await this.dropOldInfoLogs()
  }

  async close(): Promise<void> {
    const db = this.db
    if (db === null) return
    this.db = null
    for (const iterator of this.iterators) iterator.destroy()
    await db.close({ force: true })
  }

  /** Removes the files of a closed database. */
  async destroy(): Promise<void> {
    assert(this.db === null, 'only a closed database is destroyed')
    await rm(this.path, { recursive: true, force: true })
  }

  /** Fills a batch and writes it, atomically. `fill` may give way to other work in between. */
  async write(operations: number, fill: (batch: WriteBatch) => void | Promise<void>): Promise<void> {
    const batch = this.opened().write({ capacity: Math.max(operations, 1), autoDestroy: true })
    try {
      await fill(batch)
    } catch (error) {
      batch.destroy()
      throw error
    }
    try {
      await batch.flush()
    } catch (error) {
      throw useError(error, this.directory, 'writing')
    }
  }

  async read(count: number, fill: (batch: ReadBatch) => Promise<Buffer | null>[]): Promise<(Buffer | null)[]> {
    const batch = this.opened().read({ capacity: count, autoDestroy: true })
    const values = Promise.all(fill(batch))
    try {
      await Promise.all([values, batch.flush()])
      return await values
    } catch (error) {
      throw useError(error, this.directory, 'reading')
    }
  }

  /** The entries of a key range as of the first `next`. */
  async *iterate(range: { gte: Buffer; lt: Buffer }): AsyncGenerator<{ key: Buffer; value: Buffer }> {
    const snapshot = this.opened().snapshot()
    const iterator = snapshot.iterator(range, { capacity: ITERATOR_CAPACITY })
    this.iterators.add(iterator)
    try {
      for await (const entry of iterator) yield entry
    } catch (error) {
      throw useError(error, this.directory, 'reading')
    } finally {
      this.iterators.delete(iterator)
      await snapshot.close()
    }
    assert(this.db !== null, 'a scan is read to its end before its backend is closed')
  }

  /** A numeric property of RocksDB, such as `rocksdb.block-cache-usage`; 0 where it has none of this name. */
  async property(name: string): Promise<number> {
    return Number((await this.opened().getProperty(name)) ?? 0)
  }

  private opened(): RocksDB {
    return defined(this.db, 'open database')
  }

  private async dropOldInfoLogs(): Promise<void> {
    const names = (await readdir(this.path)).filter((name) => name.startsWith('LOG.old.')).sort()
    for (const name of names.slice(0, -INFO_LOGS_KEPT)) await unlink(join(this.path, name)).catch(() => {})
  }
}

/** Loaded when the first database is opened: the native library costs some 15 MB and 40 ms. */
async function loadBinding(): Promise<typeof RocksDB> {
  try {
    return (await import('rocksdb-native')).default
  } catch (error) {
    throw new MillraceError('MR_STATE_ROCKSDB_NOT_LOADED', `RocksDB's library cannot be loaded: ${toError(error).message}`, {
      cause: error,
      details: { platform: process.platform, arch: process.arch, node: process.version },
    })
  }
}
