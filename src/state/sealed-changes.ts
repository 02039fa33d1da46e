/**
 * The changes of one state in one generation, after the cut: encoded in the background, a slice of time after another.
 * An entry that is changed again before its turn is encoded first (copy on write), so a cut costs nothing at the time
 * of the cut, whatever has changed.
 */
import { ByteWriter } from '../common/byte-writer.ts'
import type { ValueCodec } from '../ports/value-codec.ts'
import type { StateEntry } from './state-entry.ts'

const NOT_ENCODED = -2
const DELETED = -1

export class SealedChanges<V> {
  readonly generation: number
  readonly entries: readonly StateEntry<V>[]
  readonly valueStarts: Int32Array
  readonly valueEnds: Int32Array
  private readonly codec: ValueCodec<V>
  private readonly out: ByteWriter
  private next = 0

  constructor(generation: number, entries: readonly StateEntry<V>[], codec: ValueCodec<V>) {
    this.generation = generation
    this.entries = entries
    this.codec = codec
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
  }
}
