/**
 * The changes of one state in one generation, after the cut: encoded in the background, a slice of time after another.
 * An entry that is changed again before its turn is encoded first (copy on write), so a cut costs nothing at the time
 * of the cut, whatever has changed. Nor does it allocate: megabytes at once may set off a collection of the whole heap.
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

/** By slot. */
export interface EncodedValues {
  readonly out: ByteWriter
  /** Negative: the entry has no value. */
  readonly starts: Int32Array
  readonly ends: Int32Array
  /** Undefined: none of these values expires. */
  readonly expiresAtMs: Float64Array | undefined
}

export class SealedChanges<V> {
  readonly generation: number
  readonly entries: readonly StateEntry<V>[]
  readonly bytes: number
  readonly expires: boolean
  private readonly codec: ValueCodec<V>
  private readonly cache: ObjectCache
  private encodedValues: EncodedValues | undefined
  private next = 0

  constructor(generation: number, entries: readonly StateEntry<V>[], options: SealedChangesOptions<V>) {
    this.generation = generation
    this.entries = entries
    this.codec = options.codec
    this.cache = options.cache
    this.bytes = options.bytes
    this.expires = options.expires
  }

  /** Encodes this entry now, unless it is already. The caller is about to change it. */
  encodeBeforeChange(entry: StateEntry<V>): void {
    const { encoded } = this
    if (encoded.starts[entry.slot] === NOT_ENCODED) this.encode(entry, entry.slot, encoded)
  }

  /** Encodes up to `count` more entries; true when all are. */
  encodeSome(count: number): boolean {
    const { encoded } = this
    const end = Math.min(this.entries.length, this.next + count)
    for (let slot = this.next; slot < end; slot++) {
      if (encoded.starts[slot] === NOT_ENCODED) this.encode(this.entries[slot]!, slot, encoded)
    }
    this.next = end
    return end === this.entries.length
  }

  /** What is encoded so far. */
  get encoded(): EncodedValues {
    const { length } = this.entries
    this.encodedValues ??= {
      out: new ByteWriter(Math.max(256, length * 16)),
      starts: new Int32Array(length).fill(NOT_ENCODED),
      ends: new Int32Array(length),
      expiresAtMs: this.expires ? new Float64Array(length) : undefined,
    }
    return this.encodedValues
  }

  get values(): Buffer {
    return this.encoded.out.written()
  }

  private encode(entry: StateEntry<V>, slot: number, { out, starts, ends, expiresAtMs }: EncodedValues): void {
    if (entry.value === undefined) {
      starts[slot] = DELETED
      return
    }
    const start = out.position
    this.codec.encode(entry.value, out)
    starts[slot] = start
    ends[slot] = out.position
    if (expiresAtMs !== undefined) expiresAtMs[slot] = entry.expiresAtMs
    // Now its size is known: values that grow, such as lists, must not grow unseen.
    const bytes = ENTRY_OVERHEAD_BYTES + entry.key.length + 2 * (out.position - start)
    this.cache.usedBytes += bytes - entry.bytes
    entry.bytes = bytes
  }
}
