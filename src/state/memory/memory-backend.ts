/**
 * State in the JavaScript heap: for tests, and for jobs whose state is small. Nothing of it outlives the process, so a
 * restart restores everything from the checkpoint.
 *
 * Values are kept as binary strings: a Buffer for each would cost some 200 bytes beside its content, and slices of the
 * applied buffers would keep those alive for as long as one value of them lives.
 */
import { assert } from '../../common/assert.ts'
import { latin1Slice } from '../../common/bytes.ts'
import { type Clock, systemClock } from '../../common/clock.ts'
import { SerialQueue } from '../../common/serial-queue.ts'
import { TimeSlice } from '../../common/time-slice.ts'
import type { StateBackend, StateEntry, TaskMarker } from '../../ports/state-backend.ts'
import type { StateChanges } from '../../records/state-changes.ts'
import type { TaskKey } from '../../records/task-id.ts'

interface TaskEntries {
  readonly values: Map<string, string>
  /** Where the search for expired entries stands, by prefix. */
  readonly cursors: Map<string, MapIterator<[string, number]>>
  /** Only of the keys whose value expires. */
  readonly expiresAtMs: Map<string, number>
}

/** How many entries are applied before looking at the clock. */
const ENTRIES_BETWEEN_LOOKS = 512

export function createMemoryBackend(clock: Clock = systemClock): StateBackend {
  return new MemoryBackend(clock)
}

export class MemoryBackend implements StateBackend {
  readonly kind = 'memory'
  readonly directory = null
  private readonly tasks = new Map<TaskKey, TaskEntries>()
  private readonly taskMarkers = new Map<TaskKey, TaskMarker>()
  private readonly writes = new SerialQueue()
  private readonly clock: Clock
  private isOpen = false

  constructor(clock: Clock = systemClock) {
    this.clock = clock
  }

  async open(): Promise<void> {
    assert(!this.isOpen, 'a backend is opened once')
    this.isOpen = true
  }

  async reset(): Promise<void> {
    await this.writes.idle()
    this.tasks.clear()
    this.taskMarkers.clear()
    this.isOpen = true
  }

  markers(): Promise<Map<TaskKey, TaskMarker>> {
    return this.writes.run(async () => new Map(this.taskMarkers))
  }

  async getMany(task: TaskKey, keys: readonly string[], nowMs: number, expiresAtMs: number[] = []): Promise<(Buffer | null)[]> {
    assert(this.isOpen, 'a backend is open while it is used')
    const entries = this.tasks.get(task)
    return keys.map((key, i) => {
      const value = entries?.values.get(key)
      if (entries === undefined || value === undefined || isExpired(entries, key, nowMs)) return null
      const expiry = entries.expiresAtMs.get(key)
      if (expiry !== undefined) expiresAtMs[i] = expiry
      return Buffer.from(value, 'latin1')
    })
  }

  apply(changes: readonly StateChanges[], markers: ReadonlyMap<TaskKey, TaskMarker>): Promise<void> {
    assert(this.isOpen, 'a backend is open while it is used')
    return this.writes.run(async () => {
      const slice = new TimeSlice(this.clock)
      for (const part of changes) await this.applyTask(part, slice)
      for (const [task, marker] of markers) this.taskMarkers.set(task, marker)
    })
  }

  async *scan(task: TaskKey, prefix: string, nowMs: number): AsyncGenerator<StateEntry> {
    assert(this.isOpen, 'a backend is open while it is used')
    const entries = this.tasks.get(task)
    if (entries === undefined) return
    const found: [key: string, value: string, expiresAtMs: number][] = []
    for (const [key, value] of entries.values) {
      if (!key.startsWith(prefix) || isExpired(entries, key, nowMs)) continue
      found.push([key, value, entries.expiresAtMs.get(key) ?? 0])
    }
    found.sort(([a], [b]) => (a < b ? -1 : 1))
    for (const [key, value, expiresAtMs] of found) yield { key, value: Buffer.from(value, 'latin1'), expiresAtMs }
  }

  dropExpired(task: TaskKey, prefix: string, nowMs: number, count: number): Promise<void> {
    return this.writes.run(async () => {
      const entries = this.tasks.get(task)
      if (entries === undefined) return
      const { values, expiresAtMs, cursors } = entries
      const cursor = cursors.get(prefix) ?? expiresAtMs.entries()
      cursors.set(prefix, cursor)
      for (let looked = 0; looked < count; looked++) {
        const { value: entry, done } = cursor.next()
        if (done) {
          cursors.delete(prefix)
          return
        }
        const [key, expiry] = entry
        if (expiry > nowMs || !key.startsWith(prefix)) continue
        values.delete(key)
        expiresAtMs.delete(key)
      }
    })
  }

  deleteTask(task: TaskKey): Promise<void> {
    return this.writes.run(async () => {
      this.taskMarkers.delete(task)
      this.tasks.delete(task)
    })
  }

  memoryBytes(): number {
    return 0
  }

  async close(): Promise<void> {
    await this.writes.idle()
    this.isOpen = false
  }

  private async applyTask(changes: StateChanges, slice: TimeSlice): Promise<void> {
    let entries = this.tasks.get(changes.task)
    if (entries === undefined)
      this.tasks.set(changes.task, (entries = { values: new Map(), expiresAtMs: new Map(), cursors: new Map() }))
    const { keys, values, valueStarts, valueEnds, expiresAtMs } = changes
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!
      const start = valueStarts[i]!
      if (start < 0) entries.values.delete(key)
      else entries.values.set(key, latin1Slice(values, start, valueEnds[i]!))
      const expiry = start < 0 ? 0 : (expiresAtMs?.[i] ?? 0)
      if (expiry !== 0) entries.expiresAtMs.set(key, expiry)
      else if (entries.expiresAtMs.size > 0) entries.expiresAtMs.delete(key)
      if (i % ENTRIES_BETWEEN_LOOKS === 0 && slice.isOver) await slice.giveWay()
    }
  }
}

function isExpired(entries: TaskEntries, key: string, nowMs: number): boolean {
  if (entries.expiresAtMs.size === 0) return false
  const expiresAtMs = entries.expiresAtMs.get(key)
  return expiresAtMs !== undefined && expiresAtMs <= nowMs
}
