/**
 * Zig-zag varints as in records of magic 2: the sign in the lowest bit, 7 bits a byte, least significant first; at most
 * 5 bytes for an int32, 10 for an int64. One and two bytes, by far the most
 * there are, take functions small enough for V8 to inline: its budget for one caller is limited, so the rest stands apart.
 */
import { assert } from '../../../src/common/assert.ts'
import { corruptBatch, numberOutOfRange } from './corrupt-batch.ts'

/** Bits below 2^28 of a zig-zag varlong, without the sign, count up to 2^27. */
const TWO_27 = 2 ** 27
const TWO_55 = 2 ** 55

/** Where the last `readVarint` or `readVarlong` ended. A second result without an object per call. */
export let varintEnd = 0

/** The int32 at `at`; reads nothing at or beyond `limit`. */
export function readVarint(buffer: Uint8Array, at: number, limit: number): number {
  if (at + 1 < limit) {
    const first = buffer[at] as number
    if (first < 0x80) {
      varintEnd = at + 1
      return (first >>> 1) ^ -(first & 1)
    }
    const second = buffer[at + 1] as number
    if (second < 0x80) {
      varintEnd = at + 2
      return ((second << 6) | ((first & 0x7f) >>> 1)) ^ -(first & 1)
    }
  }
  return readLongerVarint(buffer, at, limit)
}

function readLongerVarint(buffer: Uint8Array, at: number, limit: number): number {
  let raw = 0
  let p = at
  for (let shift = 0; shift <= 28; shift += 7) {
    if (p >= limit) throw corruptBatch('a varint runs past the end of its record')
    const byte = buffer[p++] as number
    raw |= (byte & 0x7f) << shift
    if (byte < 0x80) {
      varintEnd = p
      return (raw >>> 1) ^ -(raw & 1)
    }
  }
  throw corruptBatch('a varint is longer than 5 bytes')
}

/** The int64 at `at`, refused beyond ±2^53; reads nothing at or beyond `limit`. */
export function readVarlong(buffer: Uint8Array, at: number, limit: number): number {
  if (at + 1 < limit) {
    const first = buffer[at] as number
    if (first < 0x80) {
      varintEnd = at + 1
      return (first >>> 1) ^ -(first & 1)
    }
    const second = buffer[at + 1] as number
    if (second < 0x80) {
      varintEnd = at + 2
      return ((second << 6) | ((first & 0x7f) >>> 1)) ^ -(first & 1)
    }
  }
  return readLongerVarlong(buffer, at, limit)
}

function readLongerVarlong(buffer: Uint8Array, at: number, limit: number): number {
  let low = 0 // bits 0 to 27
  let middle = 0 // bits 28 to 55
  let high = 0 // bits 56 to 63
  for (let index = 0; index < 10; index++) {
    if (at + index >= limit) throw corruptBatch('a varint runs past the end of its record')
    const byte = buffer[at + index] as number
    const bits = byte & 0x7f
    if (index < 4) low |= bits << (7 * index)
    else if (index < 8) middle |= bits << (7 * (index - 4))
    else high |= bits << (7 * (index - 8))
    if (byte < 0x80) {
      varintEnd = at + index + 1
      const magnitude = (low >>> 1) + middle * TWO_27 + high * TWO_55
      if (magnitude > Number.MAX_SAFE_INTEGER) throw numberOutOfRange('the timestamp of a record')
      return low & 1 ? -magnitude - 1 : magnitude
    }
  }
  throw corruptBatch('a varint is longer than 10 bytes')
}

/** Bytes that `writeVarint` will take for `value`, an int32. */
export function sizeOfVarint(value: number): number {
  // 7 bits a byte: (highest bit * 9 + 73) / 64 is highest bit / 7 + 1, rounded down, for 0 to 31.
  return (352 - 9 * Math.clz32(((value << 1) ^ (value >> 31)) | 1)) >>> 6
}

/** Writes `value`, an int32, at `at`; answers where it ends. The caller has made room. */
export function writeVarint(buffer: Uint8Array, at: number, value: number): number {
  let raw = ((value << 1) ^ (value >> 31)) >>> 0
  let p = at
  while (raw >= 0x80) {
    buffer[p++] = (raw & 0x7f) | 0x80
    raw >>>= 7
  }
  buffer[p++] = raw
  return p
}

/** Bytes that `writeVarlong` will take for `value`, a safe integer. */
export function sizeOfVarlong(value: number): number {
  return value === (value | 0) ? sizeOfVarint(value) : sizeOfLongVarlong(value)
}

function sizeOfLongVarlong(value: number): number {
  assert(Number.isSafeInteger(value), 'a varlong is a safe integer')
  let rest = Math.floor((value < 0 ? -value - 1 : value) / 2 ** 6)
  let size = 1
  while (rest > 0) {
    rest = Math.floor(rest / 0x80)
    size++
  }
  return size
}

/** Writes `value`, a safe integer, at `at`; answers where it ends. The caller has made room. */
export function writeVarlong(buffer: Uint8Array, at: number, value: number): number {
  return value === (value | 0) ? writeVarint(buffer, at, value) : writeLongVarlong(buffer, at, value)
}

function writeLongVarlong(buffer: Uint8Array, at: number, value: number): number {
  const magnitude = value < 0 ? -value - 1 : value
  let rest = Math.floor(magnitude / 2 ** 6)
  let p = at
  let bits = (magnitude % 2 ** 6) * 2 + (value < 0 ? 1 : 0)
  while (rest > 0) {
    buffer[p++] = bits | 0x80
    bits = rest % 0x80
    rest = Math.floor(rest / 0x80)
  }
  buffer[p++] = bits
  return p
}
