/**
 * All state of a worker: its tasks over one backend, one cache, one sequence of generations.
 *
 * A generation is what changes between two cuts. `seal` ends one; `flush` brings sealed generations into the backend,
 * in their order, once their checkpoint is complete. Dropping this object is rolling back: the backend holds exactly
 * the last completed checkpoint.
 */
import { assert } from '../common/assert.ts'
import type { Clock } from '../common/clock.ts'
import type { StateBackend, TaskMarker } from '../ports/state-backend.ts'
import { splitChanges } from '../records/split-changes.ts'
import type { StateChanges } from '../records/state-changes.ts'
import type { TaskKey } from '../records/task-id.ts'
import type { CacheMeter } from './cache-meter.ts'
import { ObjectCache } from './object-cache.ts'
import { SealedOverlay, type SealedPart } from './sealed-overlay.ts'
import { TaskState } from './task-state.ts'

export interface WorkerStateOptions {
  /** The checkpoint that the backend holds of all tasks. Default: 0, it is empty. */
  readonly heldCheckpoint?: number
  /** That the backend is given in one step. Default: all. */
  readonly applyEntries?: number
  /** Where the size of the cache is set by what it tells. Default: nowhere. */
  readonly meter?: CacheMeter | null
}

export class WorkerState {
  readonly cache: ObjectCache
  private readonly backend: StateBackend
  private readonly clock: Clock
  private readonly tasks = new Map<TaskKey, TaskState>()
  private readonly applyEntries: number
  private heldCheckpoint: number
  private generation = 1

  constructor(
    backend: StateBackend,
    clock: Clock,
    cacheBytes: number,
    { heldCheckpoint = 0, applyEntries = Number.POSITIVE_INFINITY, meter = null }: WorkerStateOptions = {},
  ) {
    this.backend = backend
    this.clock = clock
    this.cache = new ObjectCache(cacheBytes, meter)
    this.heldCheckpoint = heldCheckpoint
    this.applyEntries = applyEntries
  }

  openTask(task: TaskKey): TaskState {
    assert(!this.tasks.has(task), `task ${task} is opened once`)
    const state = new TaskState(task, this.backend, this.cache)
    this.tasks.set(task, state)
    return state
  }

  /** Changes since the last cut: entries. */
  get changedCount(): number {
    let count = 0
    for (const task of this.tasks.values()) for (const table of task.tables) count += table.changedCount
    return count
  }

  /** Estimated heap of changes that the backend does not hold yet: what the option overlay-bytes bounds. */
  get overlayBytes(): number {
    return this.cache.changedBytes
  }

  /** The cut. Constant time per state. */
  seal(): SealedOverlay {
    const ending = this.generation++
    const parts: SealedPart[] = []
    for (const [task, state] of this.tasks) {
      for (const table of state.tables) {
        const changes = table.seal(this.generation)
        if (changes !== undefined) parts.push({ task, table, changes })
      }
    }
    const sealed = new SealedOverlay(ending, parts)
    const { meter } = this.cache
    if (meter !== null) meter.sealedBytes += sealed.entryBytes
    return sealed
  }

  /** Writes completed generations, oldest first, into the backend, with each task's marker. */
  async flush(overlays: readonly SealedOverlay[], marker: TaskMarker): Promise<void> {
    const changes: StateChanges[] = []
    for (const overlay of overlays) changes.push(...(await overlay.encode(this.clock)))
    await this.apply(changes, marker)
    for (const overlay of overlays) this.cache.changedBytes -= overlay.entryBytes
    const last = overlays.at(-1)
    if (last !== undefined) this.cache.flushedGeneration = last.generation
    await this.dropExpired(overlays)
  }

  /** In one atomic step if there are few; else in several, of which the first says what the others are to lead to (R13). */
  private async apply(changes: readonly StateChanges[], marker: TaskMarker): Promise<void> {
    const marked = (by: TaskMarker) => new Map([...this.tasks.keys()].map((task) => [task, by]))
    let before: StateChanges[] = []
    let markers = marked({ ...marker, since: this.heldCheckpoint })
    for (const group of splitChanges(changes, this.applyEntries)) {
      if (before.length > 0) {
        await this.backend.apply(before, markers)
        markers = new Map()
      }
      before = group
    }
    await this.backend.apply(before, marked(marker))
    this.heldCheckpoint = marker.checkpoint
  }

  /** Twice as fast as entries are written, so that expired ones are never many more than there have been live ones. */
  private async dropExpired(overlays: readonly SealedOverlay[]): Promise<void> {
    for (const { parts } of overlays) {
      for (const { task, table, changes } of parts) {
        if (!table.expires) continue
        await this.backend.dropExpired(task, table.prefix, this.clock.nowMs(), 2 * changes.entries.length)
      }
    }
  }

  /** Between two batches only: a batch holds on to the entries that were fetched for it. */
  trim(): void {
    this.cache.trim()
  }

  /** Entries on the heap. */
  get entryCount(): number {
    let count = 0
    for (const task of this.tasks.values()) for (const table of task.tables) count += table.size
    return count
  }

  close(): void {
    for (const task of this.tasks.values()) task.close()
    this.tasks.clear()
  }
}
