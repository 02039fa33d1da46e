/**
 * The records of one batch as a structure of arrays: no object per record. Keys, values and headers are ranges of
 * `buffer`, which is the fetched buffer itself or, where the batch was compressed, the decompressed block; holding a
 * RecordSet therefore holds that whole buffer.
 */
export class RecordSet {
  readonly count: number
  readonly buffer: Buffer
  readonly offsets: Float64Array
  /** Milliseconds since 1970; -1 where the producer gave none. */
  readonly timestamps: Float64Array
  /** -1: the key is null. */
  readonly keyStart: Int32Array
  readonly keyEnd: Int32Array
  /** -1: the value is null (a tombstone). */
  readonly valueStart: Int32Array
  readonly valueEnd: Int32Array
  /** Where the first header begins; read them with `decodeRecordHeaders`. */
  readonly headersStart: Int32Array
  readonly headersCount: Int32Array

  constructor(count: number, buffer: Buffer) {
    this.count = count
    this.buffer = buffer
    this.offsets = new Float64Array(count)
    this.timestamps = new Float64Array(count)
    this.keyStart = new Int32Array(count)
    this.keyEnd = new Int32Array(count)
    this.valueStart = new Int32Array(count)
    this.valueEnd = new Int32Array(count)
    this.headersStart = new Int32Array(count)
    this.headersCount = new Int32Array(count)
  }
}
