/** Unsigned LEB128 for integers up to 2^53 - 1: seven bits a byte, the lowest first. */
export const VARINT_MAX_BYTES = 8

/** Returns the position behind it. */
export function writeVarint(buffer: Buffer, position: number, value: number): number {
  while (value > 0x7fffffff) {
    buffer[position++] = (value % 128) | 0x80
    value = Math.floor(value / 128)
  }
  while (value > 0x7f) {
    buffer[position++] = (value & 0x7f) | 0x80
    value >>>= 7
  }
  buffer[position++] = value
  return position
}

/** Reads one after another; `isBroken` once one had more bytes than a number can, or reached behind the end. */
export class VarintReader {
  position = 0
  isBroken = false
  private readonly buffer: Buffer

  constructor(buffer: Buffer) {
    this.buffer = buffer
  }

  next(): number {
    const first = this.buffer[this.position++]!
    if (first < 0x80) return first
    return this.more(first)
  }

  private more(first: number): number {
    let value = first & 0x7f
    let factor = 128
    for (let i = 1; i < VARINT_MAX_BYTES; i++) {
      const byte = this.buffer[this.position++]
      if (byte === undefined) break
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
      factor *= 128
    }
    this.isBroken = true
    return 0
  }
}
