/** A growing buffer that is written at its end and used again: encoders write straight into it. */
export class ByteWriter {
  buffer: Buffer
  position = 0

  constructor(initialBytes = 4096) {
    this.buffer = Buffer.allocUnsafeSlow(initialBytes)
  }

  /** Makes room for `bytes` more, and returns where to write them. The caller advances `position`. */
  reserve(bytes: number): number {
    const needed = this.position + bytes
    if (needed > this.buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2))
      this.buffer.copy(grown, 0, 0, this.position)
      this.buffer = grown
    }
    return this.position
  }

  bytes(source: Uint8Array): void {
    const at = this.reserve(source.length)
    this.buffer.set(source, at)
    this.position = at + source.length
  }

  float64(value: number): void {
    const at = this.reserve(8)
    this.buffer.writeDoubleBE(value, at)
    this.position = at + 8
  }

  /** What was written; valid until the next write. */
  written(): Buffer {
    return this.buffer.subarray(0, this.position)
  }

  reset(): void {
    this.position = 0
  }
}
