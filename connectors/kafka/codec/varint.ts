/**
 * Zig-zag varints as in records of magic 2: the sign in the lowest bit, 7 bits a byte, least significant first; at most
 * 5 bytes for an int32, 10 for an int64. The hot loops inline the one-byte case and come here for the rest.
 */
import { corruptBatch, numberOutOfRange } from './corrupt-batch.ts'

/** Bits below 2^28 of a zig-zag varlong, without the sign, count up to 2^27. */
const TWO_27 = 2 ** 27
const TWO_55 = 2 ** 55

/** Where the last `readVarint` or `readVarlong` ended. A second result without an object per call. */
export let varintEnd = 0

/** The int32 at `at`; reads nothing at or beyond `limit`. */
export function readVarint(buffer: Uint8Array, at: number, limit: number): number {
  let raw = 0
  let shift = 0
  let p = at
  for (;;) {
    if (p >= limit) throw corruptBatch('a varint runs past the end of its record')
    const byte = buffer[p++] as number
    raw |= (byte & 0x7f) << shift
    if (byte < 0x80) break
    shift += 7
    if (shift > 28) throw corruptBatch('a varint is longer than 5 bytes')
  }
  varintEnd = p
  return (raw >>> 1) ^ -(raw & 1)
}

/** The int64 at `at`, refused beyond ±2^53; reads nothing at or beyond `limit`. */
export function readVarlong(buffer: Uint8Array, at: number, limit: number): number {
  let low = 0 // bits 0 to 27
  let middle = 0 // bits 28 to 55
  let high = 0 // bits 56 to 63
  let p = at
  for (let index = 0; ; index++) {
    if (index === 10) throw corruptBatch('a varint is longer than 10 bytes')
    if (p >= limit) throw corruptBatch('a varint runs past the end of its record')
    const byte = buffer[p++] as number
    const bits = byte & 0x7f
    if (index < 4) low |= bits << (7 * index)
    else if (index < 8) middle |= bits << (7 * (index - 4))
    else high |= bits << (7 * (index - 8))
    if (byte < 0x80) break
  }
  varintEnd = p
  const magnitude = (low >>> 1) + middle * TWO_27 + high * TWO_55
  if (magnitude > Number.MAX_SAFE_INTEGER) throw numberOutOfRange('the timestamp of a record')
  return low & 1 ? -magnitude - 1 : magnitude
}

/** Bytes that `writeVarint` will take for `value`, an int32. */
export function sizeOfVarint(value: number): number {
  const raw = ((value << 1) ^ (value >> 31)) >>> 0
  return raw < 0x80 ? 1 : raw < 0x4000 ? 2 : raw < 0x200000 ? 3 : raw < 0x10000000 ? 4 : 5
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
  if (value === (value | 0)) return sizeOfVarint(value)
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
  if (value === (value | 0)) return writeVarint(buffer, at, value)
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
