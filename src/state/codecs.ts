/** The codecs of state values: MessagePack for anything, and plain doubles for the built-in aggregates. */
import { Packr } from 'msgpackr'
import type { ByteWriter } from '../common/byte-writer.ts'
import type { ValueCodec } from '../ports/value-codec.ts'

/**
 * MessagePack with self-contained values: no records extension (its structure tables would be state of their own), and
 * `undefined`, Date, Set and BigInt survive. A Map comes back as a plain object, and a value that holds itself not at all.
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

/**
 * An array that holds its numbers as doubles, and so does each `slice()` of it: without that it begins with small integers
 * and is copied when the first fraction is stored. Growing one by `push` would leave room for 17.
 */
export function doubles(values: readonly number[]): number[] {
  const array = values.map(() => 0.5)
  for (let i = 0; i < values.length; i++) array[i] = values[i]!
  return array
}

/** A fixed number of doubles. */
export function float64Array(width: number): ValueCodec<number[]> {
  const zeros = doubles(new Array<number>(width).fill(0))
  return {
    name: `f64x${width}`,
    version: 1,
    encode(value, out) {
      for (let i = 0; i < width; i++) out.float64(value[i]!)
    },
    decode(buffer, start) {
      const value = zeros.slice()
      for (let i = 0; i < width; i++) value[i] = buffer.readDoubleBE(start + 8 * i)
      return value
    },
  }
}

/** To be spread into another: a user's codec may be an instance of a class. */
export function asPlain(codec: ValueCodec<unknown>): ValueCodec<unknown> {
  return {
    name: codec.name,
    version: codec.version,
    encode: (value, out) => codec.encode(value, out),
    decode: (buffer, start, end) => codec.decode(buffer, start, end),
  }
}
