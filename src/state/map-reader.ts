/** Brings maps onto the heap: whole, or the entries that are asked for. */
import type { StateBackend } from '../ports/state-backend.ts'
import type { TaskKey } from '../records/task-id.ts'
import type { StateTime } from './expiry.ts'
import type { HeapMap, MapEntry } from './map-entry.ts'
import type { MapTable } from './map-table.ts'

/** Scans under way at the same time: each holds an iterator of the backend. */
const SCANS_AT_ONCE = 16

export interface MapReaderParts<V> {
  readonly task: TaskKey
  readonly backend: StateBackend
  readonly time: StateTime
  readonly table: MapTable<V>
}

export class MapReader<V> {
  readonly table: MapTable<V>
  private readonly parts: MapReaderParts<V>

  constructor(parts: MapReaderParts<V>) {
    this.table = parts.table
    this.parts = parts
  }

  /** Makes the maps of all keys whole; `into[i]` is that of `keys[i]`. Null when they were already. */
  fetchWhole(keys: readonly string[], into: HeapMap<V>[]): Promise<void> | null {
    let missing: Set<HeapMap<V>> | undefined
    into.length = keys.length
    for (let i = 0; i < keys.length; i++) {
      const map = this.table.mapOf(keys[i]!)
      into[i] = map
      if (!map.isWhole) (missing ??= new Set()).add(map)
    }
    return missing === undefined ? null : this.scanAll(missing)
  }

  /** Fetches the entries `mapKeys[i]` of the map of `keys[i]` for all i. Null when all was on the heap. */
  fetchEntries(keys: readonly string[], mapKeys: readonly (readonly string[])[], into: HeapMap<V>[]): Promise<void> | null {
    let missing: Map<string, MissingEntry<V>> | undefined
    into.length = keys.length
    for (let i = 0; i < keys.length; i++) {
      const map = this.table.mapOf(keys[i]!)
      into[i] = map
      if (map.isWhole) continue
      for (const mapKey of mapKeys[i]!) {
        const known = map.entries.get(mapKey)
        if (known !== undefined) known.seen = true
        else (missing ??= new Map()).set(this.table.scanPrefix(map.key) + mapKey, { map, mapKey })
      }
    }
    return missing === undefined ? null : this.getMissing(missing)
  }

  /** Undefined: the map is whole, and has no such entry. */
  async loadEntry(map: HeapMap<V>, mapKey: string): Promise<MapEntry<V> | undefined> {
    if (!map.isWhole && !map.entries.has(mapKey)) {
      await this.getMissing(new Map([[this.table.scanPrefix(map.key) + mapKey, { map, mapKey }]]))
    }
    return map.entries.get(mapKey)
  }

  /**
   * All entries of the map, ascending by their keys' bytes; those that are not on the heap are decoded in passing and not
   * kept. What is changed meanwhile may be seen or not.
   */
  async *scan(map: HeapMap<V>): AsyncGenerator<{ mapKey: string; value: V }> {
    const { table, parts } = this
    // Noted before the backend is looked into: what is flushed meanwhile is here.
    const onHeap = [...map.entries.keys()].sort()
    let next = 0
    if (!map.isWhole) {
      const prefix = table.scanPrefix(map.key)
      for await (const { key, value } of parts.backend.scan(parts.task, prefix, parts.time.nowMs)) {
        const mapKey = key.slice(prefix.length)
        while (next < onHeap.length && onHeap[next]! < mapKey) yield* this.liveOf(map, onHeap[next++]!)
        if (onHeap[next] === mapKey) next++
        if (map.entries.has(mapKey)) yield* this.liveOf(map, mapKey)
        else yield { mapKey, value: table.decode(value) }
      }
    }
    while (next < onHeap.length) yield* this.liveOf(map, onHeap[next++]!)
  }

  private *liveOf(map: HeapMap<V>, mapKey: string): Generator<{ mapKey: string; value: V }> {
    const entry = map.entries.get(mapKey)
    if (entry === undefined) return
    this.table.peek(entry)
    if (entry.value !== undefined) yield { mapKey, value: entry.value }
  }

  private async scanAll(maps: ReadonlySet<HeapMap<V>>): Promise<void> {
    // One iterator for all: each that is through takes the next.
    const queue = maps.values()
    const scanNext = async () => {
      for (const map of queue) await this.makeWhole(map)
    }
    await Promise.all(Array.from({ length: Math.min(SCANS_AT_ONCE, maps.size) }, scanNext))
  }

  private async makeWhole(map: HeapMap<V>): Promise<void> {
    const { table, parts } = this
    const prefix = table.scanPrefix(map.key)
    for await (const { key, value, expiresAtMs } of parts.backend.scan(parts.task, prefix, parts.time.nowMs)) {
      table.take(map, key.slice(prefix.length), value, expiresAtMs)
    }
    map.isWhole = true
  }

  private async getMissing(missing: ReadonlyMap<string, MissingEntry<V>>): Promise<void> {
    const { table, parts } = this
    const expiresAtMs: number[] = []
    const stored = await parts.backend.getMany(parts.task, [...missing.keys()], parts.time.nowMs, expiresAtMs)
    let i = 0
    for (const { map, mapKey } of missing.values()) {
      table.take(map, mapKey, stored[i] ?? null, expiresAtMs[i] ?? 0)
      i++
    }
  }
}

interface MissingEntry<V> {
  readonly map: HeapMap<V>
  readonly mapKey: string
}
