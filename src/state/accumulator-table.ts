/** The state of built-in aggregates: a fixed number of doubles for each key. An entry's value is their place in the store. */
import type { ValueCodec } from '../ports/value-codec.ts'
import { doubles } from './codecs.ts'
import { DoublesStore } from './doubles-store.ts'
import type { StateTime } from './expiry.ts'
import type { ObjectCache } from './object-cache.ts'
import type { StateEntry } from './state-entry.ts'
import { StateTable, type StateTableOptions } from './state-table.ts'

export class AccumulatorTable extends StateTable<number> {
  readonly store: DoublesStore

  /** @param options of a state of arrays of `width` numbers */
  constructor(cache: ObjectCache, time: StateTime, options: StateTableOptions<number[]>, width: number) {
    const store = new DoublesStore(width)
    super(cache, time, { ...options, codec: codecOf(store, options.codec) })
    this.store = store
  }

  protected override drop(entry: StateEntry<number>): void {
    if (entry.value !== undefined) this.store.remove(entry.value)
    super.drop(entry)
  }

  protected override onEvicted(entry: StateEntry<number>): void {
    if (entry.value !== undefined) this.store.remove(entry.value)
  }
}

function codecOf(store: DoublesStore, codec: ValueCodec<number[]>): ValueCodec<number> {
  const values = doubles(new Array<number>(store.width).fill(0))
  return {
    name: codec.name,
    version: codec.version,
    encode(place, out) {
      store.read(place, values)
      codec.encode(values, out)
    },
    decode: (buffer, start, end) => store.add(codec.decode(buffer, start, end)),
  }
}
