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

  /** Bytes [start, end): without a copy where they lie within one chunk. */
  slice(start: number, end: number): Buffer {
    const runs: Uint8Array[] = []
    for (const [i, chunk] of this.chunks.entries()) {
      const from = start - this.starts[i]!
      const to = end - this.starts[i]!
      if (to <= 0) break
      if (from < chunk.length) runs.push(chunk.subarray(Math.max(0, from), to))
    }
    const [only] = runs
    if (only !== undefined && runs.length === 1) return Buffer.from(only.buffer, only.byteOffset, only.length)
    return Buffer.concat(runs, end - start)
  }
}
