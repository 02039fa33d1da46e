/** What the heap knows of one key's map, and its entries: each is written by itself, and may be evicted by itself. */
import { StateEntry } from './state-entry.ts'

/** One key's map, as far as it is on the heap. */
export class HeapMap<V> {
  /** The key's bytes as a binary string. */
  readonly key: string
  /** By the map key's bytes. Also those that are known to have no value. */
  readonly entries = new Map<string, MapEntry<V>>()
  /** Every entry that has a value is here: what isn't is nowhere. */
  isWhole: boolean
  /** The round of the eviction hand in which the map was used last. */
  usedInRound = 0

  constructor(key: string, isWhole: boolean) {
    this.key = key
    this.isWhole = isWhole
  }
}

export class MapEntry<V> extends StateEntry<V> {
  readonly of: HeapMap<V>
  /** The bytes of its key in the map, as a binary string. */
  readonly mapKey: string

  /** @param key its state key behind the state id */
  constructor(key: string, of: HeapMap<V>, mapKey: string, bytes: number) {
    super(key, undefined, bytes)
    this.of = of
    this.mapKey = mapKey
  }
}
