/**
 * State on the local disk, in one RocksDB database for all tasks of a worker.
 *
 * An apply of 10,000 sorted changes costs 2.1 µs of CPU each, 0.9 of them on the event loop; a get that hits 7 µs, 2.5
 * of them on it (Node 26, values of 40 bytes, a million keys). Packing gives way to other work; handing a batch over to
 * RocksDB (0.5 µs an entry) cannot.
 */
import { resolve } from 'node:path'
import { assert, defined } from '../../common/assert.ts'
import { latin1Slice } from '../../common/bytes.ts'
import { systemClock } from '../../common/clock.ts'
import { isMillraceError } from '../../common/errors.ts'
import { SerialQueue } from '../../common/serial-queue.ts'
import { TimeSlice } from '../../common/time-slice.ts'
import type { StateBackend, StateEntry, TaskMarker } from '../../ports/state-backend.ts'
import type { StateChanges } from '../../records/state-changes.ts'
import type { TaskKey } from '../../records/task-id.ts'
import { packChanges } from './change-packer.ts'
import { Database } from './database.ts'
import { removeOwner, writeOwner } from './directory-owner.ts'
import {
  contentOf,
  decodeOwnRecord,
  encodeMarker,
  expiryOf,
  keyRange,
  LAYOUT_VERSION,
  markerKey,
  ORDINAL_BYTES,
  ordinalKey,
  ordinalStart,
  ownRecordsRange,
  versionKey,
} from './key-layout.ts'
import { corruptError, openError } from './rocksdb-errors.ts'

export interface RocksDbBackendOptions {
  /** For this worker alone; created if missing. */
  readonly directory: string
  /**
   * Bytes of a memtable, of which there may be two. Larger: keys that change often are written to files less often.
   * Default: 32 MiB.
   */
  readonly writeBufferBytes?: number
}

const DEFAULT_WRITE_BUFFER_BYTES = 32 * 1024 * 1024
/** Every key of a multi-get pins a block until all are copied: this bounds it to 4 MiB. */
const KEYS_PER_READ = 1024
const MEMORY_PROPERTIES = ['rocksdb.cur-size-all-mem-tables', 'rocksdb.block-cache-usage', 'rocksdb.estimate-table-readers-mem']

export function createRocksDbBackend(options: RocksDbBackendOptions): StateBackend {
  return new RocksDbBackend(options)
}

export class RocksDbBackend implements StateBackend {
  readonly kind = 'rocksdb'
  readonly directory: string
  private readonly database: Database
  private readonly writes = new SerialQueue()
  /** Of the tasks whose ordinal is in the database, or in a batch on its way there. */
  private readonly ordinals = new Map<TaskKey, number>()
  private lastOrdinal = 0
  private readonly taskMarkers = new Map<TaskKey, TaskMarker>()
  /** Where the search for expired entries goes on: task and prefix → key. */
  private readonly cursors = new Map<string, Buffer>()
  private writeFailure: Error | null = null
  private isOpen = false
  private usedBytes = 0

  constructor({ directory, writeBufferBytes = DEFAULT_WRITE_BUFFER_BYTES }: RocksDbBackendOptions) {
    this.directory = resolve(directory)
    this.database = new Database(this.directory, { writeBufferBytes })
  }

  async open(): Promise<void> {
    assert(!this.isOpen, 'a backend is opened once')
    await this.database.open()
    try {
      await this.readOwnRecords()
      writeOwner(this.directory)
    } catch (error) {
      await this.database.close()
      throw isMillraceError(error) ? error : openError(error, this.directory)
    }
    this.isOpen = true
    await this.measureMemory()
  }

  async reset(): Promise<void> {
    if (this.isOpen) await this.close()
    await this.database.destroy()
    this.ordinals.clear()
    this.taskMarkers.clear()
    this.cursors.clear()
    this.writeFailure = null
    await this.open()
  }

  markers(): Promise<Map<TaskKey, TaskMarker>> {
    return this.writes.run(async () => new Map(this.taskMarkers))
  }

  async getMany(task: TaskKey, keys: readonly string[], nowMs: number, expiresAtMs: number[] = []): Promise<(Buffer | null)[]> {
    this.assertOpen()
    const ordinal = this.ordinals.get(task)
    if (ordinal === undefined || keys.length === 0) return keys.map(() => null)
    if (keys.length > KEYS_PER_READ) return this.getParts(ordinal, keys, nowMs, expiresAtMs)
    const stored = await this.readKeys(ordinal, keys)
    takeLive(stored, nowMs, expiresAtMs, 0)
    return stored
  }

  apply(changes: readonly StateChanges[], markers: ReadonlyMap<TaskKey, TaskMarker>): Promise<void> {
    this.assertOpen()
    return this.writes.run(() => this.write(changes, markers))
  }

  async *scan(task: TaskKey, prefix: string, nowMs: number): AsyncGenerator<StateEntry> {
    this.assertOpen()
    const ordinal = this.ordinals.get(task)
    if (ordinal === undefined) return
    for await (const { key, value: stored } of this.database.iterate(keyRange(ordinal, prefix))) {
      const expiresAtMs = expiryOf(stored)
      if (expiresAtMs !== 0 && expiresAtMs <= nowMs) continue
      yield { key: latin1Slice(key, ORDINAL_BYTES, key.length), value: contentOf(stored), expiresAtMs }
    }
  }

  /** Among the writes, so that nothing is written between looking and deleting. */
  dropExpired(task: TaskKey, prefix: string, nowMs: number, count: number): Promise<void> {
    this.assertOpen()
    return this.writes.run(async () => {
      const ordinal = this.ordinals.get(task)
      if (ordinal === undefined) return
      const cursor = `${task} ${prefix}`
      const range = keyRange(ordinal, prefix)
      const expired: Buffer[] = []
      let looked = 0
      let last: Buffer | undefined
      for await (const { key, value } of this.database.iterate({ ...range, gte: this.cursors.get(cursor) ?? range.gte })) {
        last = key
        const expiresAtMs = expiryOf(value)
        if (expiresAtMs !== 0 && expiresAtMs <= nowMs) expired.push(key)
        if (++looked === count) break
      }
      if (last === undefined || looked < count) this.cursors.delete(cursor)
      else this.cursors.set(cursor, Buffer.concat([last, Buffer.of(0)]))
      if (expired.length === 0) return
      await this.writeBatch(expired.length, (batch) => {
        for (const key of expired) batch.tryDelete(key)
      })
    })
  }

  deleteTask(task: TaskKey): Promise<void> {
    this.assertOpen()
    return this.writes.run(async () => {
      const ordinal = this.ordinals.get(task)
      if (ordinal === undefined) return
      await this.writeBatch(3, (batch) => {
        batch.tryDelete(markerKey(task))
        batch.tryDelete(ordinalKey(task))
        batch.tryDeleteRange(ordinalStart(ordinal), ordinalStart(ordinal + 1))
      })
      this.ordinals.delete(task)
      this.taskMarkers.delete(task)
    })
  }

  memoryBytes(): number {
    return this.usedBytes
  }

  async close(): Promise<void> {
    if (!this.isOpen) return
    this.isOpen = false
    await this.writes.idle()
    removeOwner(this.directory)
    await this.database.close()
  }

  private assertOpen(): void {
    assert(this.isOpen, 'a backend is open while it is used')
  }

  private async write(changes: readonly StateChanges[], markers: ReadonlyMap<TaskKey, TaskMarker>): Promise<void> {
    const newTasks = this.giveOrdinals([...changes.map(({ task }) => task), ...markers.keys()])
    const operations = changes.reduce((sum, { keys }) => sum + keys.length, newTasks.length + markers.size)
    const slice = new TimeSlice(systemClock)
    await this.writeBatch(operations, async (batch) => {
      for (const task of newTasks) batch.tryPut(ordinalKey(task), ordinalStart(this.ordinalOf(task)))
      for (const part of changes) await packChanges(batch, this.ordinalOf(part.task), part, slice)
      for (const [task, marker] of markers) batch.tryPut(markerKey(task), encodeMarker(marker))
    })
    for (const [task, marker] of markers) this.taskMarkers.set(task, marker)
    await this.measureMemory()
  }

  /** After a failed batch nothing is written any more: a later one must not be there without an earlier one. */
  private async writeBatch(operations: number, fill: Parameters<Database['write']>[1]): Promise<void> {
    if (this.writeFailure !== null) throw this.writeFailure
    try {
      await this.database.write(operations, fill)
    } catch (error) {
      this.writeFailure = error as Error
      throw error
    }
  }

  private giveOrdinals(tasks: readonly TaskKey[]): TaskKey[] {
    const added: TaskKey[] = []
    for (const task of tasks) {
      if (this.ordinals.has(task)) continue
      this.ordinals.set(task, ++this.lastOrdinal)
      added.push(task)
    }
    return added
  }

  private ordinalOf(task: TaskKey): number {
    return defined(this.ordinals.get(task), `ordinal of task ${task}`)
  }

  private async getParts(
    ordinal: number,
    keys: readonly string[],
    nowMs: number,
    expiresAtMs: number[],
  ): Promise<(Buffer | null)[]> {
    const parts: Promise<(Buffer | null)[]>[] = []
    for (let i = 0; i < keys.length; i += KEYS_PER_READ) parts.push(this.readKeys(ordinal, keys.slice(i, i + KEYS_PER_READ)))
    const read = await Promise.all(parts)
    for (const [i, stored] of read.entries()) takeLive(stored, nowMs, expiresAtMs, i * KEYS_PER_READ)
    return read.flat()
  }

  /** The values with their headers. */
  private readKeys(ordinal: number, keys: readonly string[]): Promise<(Buffer | null)[]> {
    return this.database.read(keys.length, (batch) => {
      let bytes = 0
      for (const key of keys) bytes += ORDINAL_BYTES + key.length
      const arena = Buffer.allocUnsafe(bytes)
      let position = 0
      return keys.map((key) => {
        const start = position
        arena.writeUInt32BE(ordinal, start)
        position = start + ORDINAL_BYTES + arena.write(key, start + ORDINAL_BYTES, 'latin1')
        return batch.get(arena.subarray(start, position))
      })
    })
  }

  private async readOwnRecords(): Promise<void> {
    this.ordinals.clear()
    this.taskMarkers.clear()
    let version: string | null = null
    for await (const { key, value } of this.database.iterate(ownRecordsRange)) {
      const record = this.decodeOwn(key, value)
      if (record.kind === 'version') version = record.version
      else if (record.kind === 'ordinal') this.ordinals.set(record.task, record.ordinal)
      else if (record.kind === 'marker') this.taskMarkers.set(record.task, record.marker)
    }
    this.lastOrdinal = Math.max(0, ...this.ordinals.values())
    if (version === LAYOUT_VERSION) return
    if (version !== null || this.ordinals.size > 0) {
      throw corruptError(this.directory, `it has layout version ${version}, this Millrace reads ${LAYOUT_VERSION}`)
    }
    await this.database.write(1, (batch) => batch.tryPut(versionKey, Buffer.from(LAYOUT_VERSION)))
  }

  private decodeOwn(key: Buffer, value: Buffer): ReturnType<typeof decodeOwnRecord> {
    try {
      return decodeOwnRecord(key, value)
    } catch (error) {
      throw corruptError(this.directory, `a record of its own is malformed (key ${key.toString('hex')})`, error)
    }
  }

  private async measureMemory(): Promise<void> {
    const used = await Promise.all(MEMORY_PROPERTIES.map((name) => this.database.property(name)))
    this.usedBytes = used.reduce((sum, bytes) => sum + bytes, 0)
  }
}

/** Takes the headers off; what has expired becomes null. The expiry of `stored[i]` goes to `expiresAtMs[from + i]`. */
function takeLive(stored: (Buffer | null)[], nowMs: number, expiresAtMs: number[], from: number): void {
  for (let i = 0; i < stored.length; i++) {
    const value = stored[i]!
    if (value === null) continue
    const expiry = expiryOf(value)
    stored[i] = expiry !== 0 && expiry <= nowMs ? null : contentOf(value)
    if (expiry !== 0) expiresAtMs[from + i] = expiry
  }
}
