/** The states of one task: finds, before a batch is processed, every entry that the batch will touch. */
import type { StateBackend } from '../ports/state-backend.ts'
import type { TaskKey } from '../records/task-id.ts'
import { AccumulatorTable } from './accumulator-table.ts'
import { StateTime } from './expiry.ts'
import { MapReader } from './map-reader.ts'
import { MapTable } from './map-table.ts'
import type { ObjectCache } from './object-cache.ts'
import type { StateEntry } from './state-entry.ts'
import { StateTable, type StateTableOptions } from './state-table.ts'

export class TaskState {
  readonly task: TaskKey
  private readonly backend: StateBackend
  private readonly cache: ObjectCache
  private readonly time = new StateTime()
  /** Ascending by state id. */
  readonly tables: StateTable<unknown>[] = []

  constructor(task: TaskKey, backend: StateBackend, cache: ObjectCache) {
    this.task = task
    this.backend = backend
    this.cache = cache
  }

  /** Declares a state; before the first record. */
  declare<V>(options: StateTableOptions<V>): StateTable<V> {
    const table = new StateTable(this.cache, this.time, options)
    this.add(table)
    return table
  }

  /** The same for accumulators of `width` numbers each. */
  declareAccumulators(options: StateTableOptions<number[]>, width: number): AccumulatorTable {
    const table = new AccumulatorTable(this.cache, this.time, options, width)
    this.add(table)
    return table
  }

  /** The same for a map state. */
  declareMap<V>(options: StateTableOptions<V>): MapReader<V> {
    const { task, backend, time } = this
    const table = new MapTable(this.cache, time, options)
    this.add(table)
    return new MapReader({ task, backend, time, table })
  }

  /** Before a batch: what has expired by then is gone for it. */
  advance(nowMs: number): void {
    this.time.advance(nowMs)
  }

  /**
   * Brings the entries of `keys` in the given tables onto the heap: one multi-get for all that is missing. Null when
   * nothing was. Afterwards `into[t][i]` is the entry of table t and key i.
   */
  prefetch(
    tables: readonly StateTable<unknown>[],
    keys: readonly string[],
    into: StateEntry<unknown>[][],
  ): Promise<void> | null {
    let missing: Missing[] | undefined
    for (let t = 0; t < tables.length; t++) {
      const table = tables[t]!
      const entries = into[t]!
      entries.length = keys.length
      for (let i = 0; i < keys.length; i++) {
        const entry = table.find(keys[i]!)
        if (entry !== undefined) entries[i] = entry
        else (missing ??= []).push({ table, key: keys[i]!, entries, index: i })
      }
    }
    return missing === undefined ? null : this.loadMissing(missing)
  }

  private async loadMissing(missing: readonly Missing[]): Promise<void> {
    const positions = new Map<string, number>()
    const fullKeys: string[] = []
    const asked = missing.map(({ table, key }) => {
      const fullKey = table.fullKeyOf(key)
      let position = positions.get(fullKey)
      if (position === undefined) {
        position = fullKeys.push(fullKey) - 1
        positions.set(fullKey, position)
      }
      return position
    })
    const expiresAtMs: number[] = []
    const { meter } = this.cache
    const loading = this.backend.getMany(this.task, fullKeys, this.time.nowMs, expiresAtMs)
    const stored = await (meter === null ? loading : meter.load(fullKeys.length, loading))
    missing.forEach(({ table, key, entries, index }, m) => {
      const at = asked[m]!
      entries[index] = table.load(key, stored[at] ?? null, expiresAtMs[at])
    })
  }

  private add<V>(table: StateTable<V>): void {
    this.tables.push(table as StateTable<unknown>)
    this.tables.sort((a, b) => a.stateId - b.stateId)
  }

  close(): void {
    for (const table of this.tables) table.close()
  }
}

interface Missing {
  readonly table: StateTable<unknown>
  readonly key: string
  readonly entries: StateEntry<unknown>[]
  readonly index: number
}
