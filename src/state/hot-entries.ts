/**
 * Finds the entries of keys that come again and again by the bytes of the keys: no string is made, and no map is asked. A
 * cache in front of a table's map, which has the word: what isn't found here may be there.
 *
 * Each key has two slots side by side. The hashes stand apart from the entries, so that looking for a key that isn't here
 * touches nothing but them.
 */
import type { StateEntry } from './state-entry.ts'

/** 96 KiB for each table. */
const SLOTS = 8192
/** Longer ones cost more to compare than to look up. */
const MAX_KEY_BYTES = 64

export class HotEntries<V> {
  private readonly hashes = new Int32Array(SLOTS)
  private readonly entries: (StateEntry<V> | undefined)[] = new Array(SLOTS).fill(undefined)
  /** Of the key that `find` was last asked for. */
  private slot = 0
  private hash = 0

  /** The entry whose key is bytes [start, end), if it is here. */
  find(bytes: Buffer, start: number, end: number): StateEntry<V> | undefined {
    let hash = end - start
    const last = Math.min(end, start + MAX_KEY_BYTES)
    for (let at = start; at < last; at++) hash = (Math.imul(hash, 31) + bytes[at]!) | 0
    const slot = (hash ^ (hash >>> 13)) & (SLOTS - 1)
    this.slot = slot
    this.hash = hash
    return this.at(slot, hash, bytes, start, end) ?? this.at(slot ^ 1, hash, bytes, start, end)
  }

  /** Keeps the entry of the key that `find` has just not found. What was in its first slot gets the second one. */
  keep(entry: StateEntry<V>): void {
    const { slot, hash, hashes, entries } = this
    if (entry.key.length > MAX_KEY_BYTES) return
    hashes[slot ^ 1] = hashes[slot]!
    entries[slot ^ 1] = entries[slot]
    hashes[slot] = hash
    entries[slot] = entry
  }

  private at(slot: number, hash: number, bytes: Buffer, start: number, end: number): StateEntry<V> | undefined {
    if (this.hashes[slot] !== hash) return undefined
    const entry = this.entries[slot]
    return entry !== undefined && !entry.isEvicted && isKey(entry.key, bytes, start, end) ? entry : undefined
  }
}

function isKey(key: string, bytes: Buffer, start: number, end: number): boolean {
  if (key.length !== end - start) return false
  for (let i = 0; i < key.length; i++) if (key.charCodeAt(i) !== bytes[start + i]) return false
  return true
}
