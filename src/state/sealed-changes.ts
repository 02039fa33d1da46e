/**
 * The changes of one state in one generation, after the cut: encoded in the background, a slice of time after another.
 * An entry that is changed again before its turn is encoded first (copy on write), so a cut costs nothing at the time
 * of the cut, whatever has changed.
 */
import { ByteWriter } from '../common/byte-writer.ts'
import type { ValueCodec } from '../ports/value-codec.ts'
import { ENTRY_OVERHEAD_BYTES, type ObjectCache } from './object-cache.ts'
import type { StateEntry } from './state-entry.ts'

const NOT_ENCODED = -2
const DELETED = -1

export interface SealedChangesOptions<V> {
  readonly codec: ValueCodec<V>
  readonly cache: ObjectCache
  /** What these changes have added to the cache's `changedBytes`. */
  readonly bytes: number
  /** Whether values may have an expiry. */
  readonly expires: boolean
}

export class SealedChanges<V> {
  readonly generation: number
  readonly entries: readonly StateEntry<V>[]
  readonly valueStarts: Int32Array
  readonly valueEnds: Int32Array
  /** Undefined: none of these values expires. */
  readonly expiresAtMs: Float64Array | undefined
  readonly bytes: number
  private readonly codec: ValueCodec<V>
  private readonly cache: ObjectCache
  private readonly out: ByteWriter
  private next = 0

  constructor(generation: number, entries: readonly StateEntry<V>[], options: SealedChangesOptions<V>) {
    this.generation = generation
    this.entries = entries
    this.codec = options.codec
    this.cache = options.cache
    this.bytes = options.bytes
    this.expiresAtMs = options.expires ? new Float64Array(entries.length) : undefined
    this.valueStarts = new Int32Array(entries.length).fill(NOT_ENCODED)
    this.valueEnds = new Int32Array(entries.length)
    this.out = new ByteWriter(Math.max(256, entries.length * 16))
  }

  /** Encodes this entry now, unless it is already. The caller is about to change it. */
  encodeBeforeChange(entry: StateEntry<V>): void {
    if (this.valueStarts[entry.slot] === NOT_ENCODED) this.encode(entry, entry.slot)
  }

  /** Encodes up to `count` more entries; true when all are. */
  encodeSome(count: number): boolean {
    const end = Math.min(this.entries.length, this.next + count)
    for (let slot = this.next; slot < end; slot++) {
      if (this.valueStarts[slot] === NOT_ENCODED) this.encode(this.entries[slot]!, slot)
    }
    this.next = end
    return end === this.entries.length
  }

  get values(): Buffer {
    return this.out.written()
  }

  private encode(entry: StateEntry<V>, slot: number): void {
    if (entry.value === undefined) {
      this.valueStarts[slot] = DELETED
      return
    }
    const start = this.out.position
    this.codec.encode(entry.value, this.out)
    this.valueStarts[slot] = start
    this.valueEnds[slot] = this.out.position
    if (this.expiresAtMs !== undefined) this.expiresAtMs[slot] = entry.expiresAtMs
    // Now its size is known: values that grow, such as lists, must not grow unseen.
    const bytes = ENTRY_OVERHEAD_BYTES + entry.key.length + 2 * (this.out.position - start)
    this.cache.usedBytes += bytes - entry.bytes
    entry.bytes = bytes
  }
}
