/**
 * One map state of one task: a map for each key, an entry of the table for each entry of a map.
 *
 * A map that is used whole is fetched by one scan and stays whole while none of its entries is evicted; so the eviction
 * hand spares all entries of a map that was used since it passed.
 *
 * Invariant: while the table is complete, every map on the heap is whole, and a key without one has an empty map.
 */

import { HeapMap, MapEntry } from './map-entry.ts'
import { ENTRY_OVERHEAD_BYTES } from './object-cache.ts'
import type { StateEntry } from './state-entry.ts'
import { mapPrefix } from './state-key.ts'
import { StateTable } from './state-table.ts'

/** A map without entries, and its place in the table. */
const MAP_OVERHEAD_BYTES = 2 * ENTRY_OVERHEAD_BYTES

export class MapTable<V> extends StateTable<V> {
  private readonly maps = new Map<string, HeapMap<V>>()

  /** What the heap knows of the key's map; made if there is nothing. Between two batches it may be forgotten. */
  mapOf(key: string): HeapMap<V> {
    let map = this.maps.get(key)
    if (map === undefined) {
      map = new HeapMap(key, this.isComplete)
      this.maps.set(key, map)
      this.cache.usedBytes += MAP_OVERHEAD_BYTES + key.length
    }
    map.usedInRound = this.handRound
    return map
  }

  /** The entry to write to: one is made where there is none. What the backend has for it is overwritten, unread. */
  entryOf(map: HeapMap<V>, mapKey: string): MapEntry<V> {
    let entry = map.entries.get(mapKey)
    if (entry === undefined) {
      const key = mapPrefix(map.key) + mapKey
      entry = this.add(new MapEntry(key, map, mapKey, this.bytesOf(key, 0)))
      map.entries.set(mapKey, entry)
    }
    entry.seen = true
    return entry
  }

  /** Takes what the backend holds for an entry; what is on the heap is newer. */
  take(map: HeapMap<V>, mapKey: string, stored: Buffer | null, expiresAtMs: number): MapEntry<V> {
    const known = map.entries.get(mapKey)
    if (known !== undefined) return known
    const entry = this.entryOf(map, mapKey)
    if (stored !== null) {
      entry.value = this.decode(stored)
      entry.expiresAtMs = expiresAtMs
    }
    return entry
  }

  /** Behind the prefix of the table: what all entries of the key's map begin with. */
  scanPrefix(key: string): string {
    return this.prefix + mapPrefix(key)
  }

  override fullKeyOf(key: string): string {
    return this.prefix + key
  }

  override evict(bytes: number, flushedGeneration: number): number {
    let freed = super.evict(bytes, flushedGeneration)
    // The hand passes entries only, so not the maps that have none.
    for (const map of this.maps.values()) {
      if (freed >= bytes) break
      if (map.entries.size === 0 && map.usedInRound < this.handRound) freed += this.forget(map)
    }
    return freed
  }

  override close(): void {
    for (const { key } of this.maps.values()) this.cache.usedBytes -= MAP_OVERHEAD_BYTES + key.length
    this.maps.clear()
    super.close()
  }

  protected override isKept(entry: StateEntry<V>): boolean {
    const isSeen = super.isKept(entry)
    const { of } = entry as MapEntry<V>
    return isSeen || (of.isWhole && of.usedInRound >= this.handRound)
  }

  protected override onEvicted(entry: StateEntry<V>): void {
    const { of, mapKey } = entry as MapEntry<V>
    of.entries.delete(mapKey)
    if (entry.value !== undefined) of.isWhole = false
    if (of.entries.size === 0) this.cache.usedBytes -= this.forget(of)
  }

  private forget(map: HeapMap<V>): number {
    this.maps.delete(map.key)
    return MAP_OVERHEAD_BYTES + map.key.length
  }
}
