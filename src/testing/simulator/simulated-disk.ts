/**
 * Local state of a simulated machine: it outlives the process, as a directory of RocksDB does. Batches are atomic and
 * durable in order: a crash may take the last ones, never one before them. One process at a time holds it.
 */
import type { Clock } from '../../common/clock.ts'
import { MillraceError } from '../../common/errors.ts'
import type { StateBackend, StateEntry, TaskMarker } from '../../ports/state-backend.ts'
import type { StateChanges } from '../../records/state-changes.ts'
import type { TaskKey } from '../../records/task-id.ts'
import { createMemoryBackend } from '../../state/memory/memory-backend.ts'
import type { SimulatedProcess } from './simulated-process.ts'

/** One batch: what it changes, and how it is done again. */
type Batch = (backend: StateBackend) => Promise<void>

/** Batches that a crash can take at most. */
const MOST_LOST = 2
const NO_MARKERS: ReadonlyMap<TaskKey, TaskMarker> = new Map()
const LONGEST_READ_MS = 0.5
const LONGEST_WRITE_MS = 4

export class SimulatedDisk {
  readonly name: string
  /** For checkers: called when markers are written. */
  onMarked: (markers: ReadonlyMap<TaskKey, TaskMarker>) => void = () => {}
  private readonly batches: Batch[] = []
  private owner: SimulatedProcess | undefined

  constructor(name: string) {
    this.name = name
  }

  /** As a process sees it. */
  of(process: SimulatedProcess): StateBackend {
    return new DiskOfProcess(this, process)
  }

  lock(process: SimulatedProcess): void {
    if (this.owner !== undefined) throw new MillraceError('MR_STATE_DIRECTORY_LOCKED', `${this.name} is in use`)
    this.owner = process
    process.whenDead(() => {
      if (this.owner !== process) return
      this.batches.splice(this.batches.length - process.random.below(Math.min(MOST_LOST, this.batches.length) + 1))
      this.owner = undefined
    })
  }

  unlock(): void {
    this.owner = undefined
  }

  clear(): void {
    this.batches.length = 0
  }

  write(batch: Batch): void {
    this.batches.push(batch)
  }

  /** As it is now. */
  async load(clock: Clock): Promise<StateBackend> {
    const backend = createMemoryBackend(clock)
    await backend.open()
    for (const batch of this.batches) await batch(backend)
    return backend
  }
}

class DiskOfProcess implements StateBackend {
  readonly kind = 'rocksdb'
  readonly directory = null
  private readonly disk: SimulatedDisk
  private readonly process: SimulatedProcess
  private loaded: StateBackend | undefined
  private writing: Promise<void> = Promise.resolve()

  constructor(disk: SimulatedDisk, process: SimulatedProcess) {
    this.disk = disk
    this.process = process
  }

  async open(): Promise<void> {
    await this.takes(LONGEST_WRITE_MS, 'disk opens')
    this.disk.lock(this.process)
    this.loaded = await this.disk.load(this.process.clock)
  }

  async reset(): Promise<void> {
    await this.takes(LONGEST_WRITE_MS, 'disk is cleared')
    if (this.loaded === undefined) this.disk.lock(this.process)
    this.disk.clear()
    this.loaded = await this.disk.load(this.process.clock)
  }

  async markers(): Promise<Map<TaskKey, TaskMarker>> {
    await this.takes(LONGEST_READ_MS, 'disk reads markers')
    await this.writing
    return this.opened().markers()
  }

  async getMany(task: TaskKey, keys: readonly string[], nowMs: number, expiresAtMs?: number[]): Promise<(Buffer | null)[]> {
    await this.takes(LONGEST_READ_MS, 'disk reads')
    return this.opened().getMany(task, keys, nowMs, expiresAtMs)
  }

  apply(changes: readonly StateChanges[], markers: ReadonlyMap<TaskKey, TaskMarker>): Promise<void> {
    const kept = new Map(markers)
    return this.write((backend, copies) => backend.apply(copies, kept), changes, kept)
  }

  async *scan(task: TaskKey, prefix: string, nowMs: number): AsyncIterable<StateEntry> {
    await this.takes(LONGEST_READ_MS, 'disk scans')
    yield* this.opened().scan(task, prefix, nowMs)
  }

  dropExpired(task: TaskKey, prefix: string, nowMs: number, count: number): Promise<void> {
    return this.write((backend) => backend.dropExpired(task, prefix, nowMs, count), [])
  }

  deleteTask(task: TaskKey): Promise<void> {
    return this.write((backend) => backend.deleteTask(task), [])
  }

  memoryBytes(): number {
    return 0
  }

  async close(): Promise<void> {
    await this.writing
    if (this.loaded === undefined) return
    this.loaded = undefined
    this.disk.unlock()
  }

  /** One after another, each when its time has come: until then a crash leaves nothing of it. */
  private write(
    batch: (backend: StateBackend, changes: readonly StateChanges[]) => Promise<void>,
    changes: readonly StateChanges[],
    markers: ReadonlyMap<TaskKey, TaskMarker> = NO_MARKERS,
  ): Promise<void> {
    const written = this.writing.then(async () => {
      await this.takes(LONGEST_WRITE_MS, 'disk writes')
      // The caller's buffers are his again when this ends.
      const kept = changes.map(copyOf)
      const again: Batch = (backend) => batch(backend, kept)
      await again(this.opened())
      this.disk.write(again)
      if (markers.size > 0) this.disk.onMarked(markers)
    })
    this.writing = written.catch(() => {})
    return written
  }

  private takes(mostMs: number, label: string): Promise<void> {
    return new Promise((resolve) => this.process.after(this.process.random.between(0, mostMs), label, resolve))
  }

  private opened(): StateBackend {
    if (this.loaded === undefined) throw new Error(`${this.disk.name} is not open`)
    return this.loaded
  }
}

function copyOf(changes: StateChanges): StateChanges {
  const { valueStarts, valueEnds, expiresAtMs, values, keys } = changes
  return {
    ...changes,
    keys: [...keys],
    values: Buffer.from(values),
    valueStarts: Array.from(valueStarts),
    valueEnds: Array.from(valueEnds),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs: Array.from(expiresAtMs) }),
  }
}
