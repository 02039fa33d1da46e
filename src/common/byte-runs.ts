/** The chunks of a file as one row of bytes. */
export class ByteRuns {
  readonly bytes: number
  private readonly chunks: readonly Uint8Array[]
  /** Where each chunk begins. */
  private readonly starts: number[] = []

  constructor(chunks: readonly Uint8Array[]) {
    this.chunks = chunks
    let bytes = 0
    for (const chunk of chunks) {
      this.starts.push(bytes)
      bytes += chunk.length
    }
    this.bytes = bytes
  }

  /** Bytes [start, end), as far as there are any: without a copy where they lie within one chunk. */
  slice(start: number, end: number): Buffer {
    const runs: Uint8Array[] = []
    for (let i = this.chunkAt(start); i < this.chunks.length && this.starts[i]! < end; i++) {
      const chunk = this.chunks[i]!
      const from = Math.max(0, start - this.starts[i]!)
      const to = Math.min(chunk.length, end - this.starts[i]!)
      if (from < to) runs.push(chunk.subarray(from, to))
    }
    const [only] = runs
    if (only !== undefined && runs.length === 1) return Buffer.from(only.buffer, only.byteOffset, only.length)
    return Buffer.concat(runs)
  }

  /** The last chunk that begins at or before a position. */
  private chunkAt(position: number): number {
    let low = 0
    let high = this.starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.starts[middle]! <= position) low = middle
      else high = middle - 1
    }
    return low
  }
}
