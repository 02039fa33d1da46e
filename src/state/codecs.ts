/** The codecs of state values: MessagePack for anything, and plain doubles for the built-in aggregates. */
import { Packr } from 'msgpackr'
import type { ByteWriter } from '../common/byte-writer.ts'
import type { ValueCodec } from '../ports/value-codec.ts'

/**
 * MessagePack with self-contained values: no records extension (its structure tables would be state of their own), and
 * `undefined`, Date, Map, Set and BigInt survive.
 */
const packr = new Packr({ useRecords: false, moreTypes: true, structuredClone: true })

export const messagePack: ValueCodec<unknown> = {
  name: 'msgpack',
  version: 1,
  encode(value: unknown, out: ByteWriter) {
    out.bytes(packr.pack(value))
  },
  decode(buffer, start, end) {
    return packr.unpack(buffer.subarray(start, end))
  },
}

/** A fixed number of doubles. */
export function float64Array(width: number): ValueCodec<number[]> {
  return {
    name: `f64x${width}`,
    version: 1,
    encode(value, out) {
      for (let i = 0; i < width; i++) out.float64(value[i]!)
    },
    decode(buffer, start) {
      const value: number[] = []
      for (let i = 0; i < width; i++) value.push(buffer.readDoubleBE(start + 8 * i))
      return value
    },
  }
}
