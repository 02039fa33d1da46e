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
    const memory = arraysMemory(count * BYTES_A_RECORD)
    let at = memoryAt
    this.offsets = new Float64Array(memory, at, count)
    this.timestamps = new Float64Array(memory, (at += 8 * count), count)
    this.keyStart = new Int32Array(memory, (at += 8 * count), count)
    this.keyEnd = new Int32Array(memory, (at += 4 * count), count)
    this.valueStart = new Int32Array(memory, (at += 4 * count), count)
    this.valueEnd = new Int32Array(memory, (at += 4 * count), count)
    this.headersStart = new Int32Array(memory, (at += 4 * count), count)
    this.headersCount = new Int32Array(memory, (at += 4 * count), count)
  }
}

/** Two float64 and six int32. */
const BYTES_A_RECORD = 2 * 8 + 6 * 4
/** Small sets share memory: eight arrays of their own cost a small batch more than its decoding (docs/design/0002). */
const SLAB_BYTES = 256 * 1024
const LARGEST_SHARED_BYTES = SLAB_BYTES / 4

let slab = new ArrayBuffer(SLAB_BYTES)
let slabUsed = 0
/** Where in the answer of the last `arraysMemory` its room begins, a multiple of 8. */
let memoryAt = 0

function arraysMemory(bytes: number): ArrayBuffer {
  memoryAt = 0
  if (bytes > LARGEST_SHARED_BYTES) return new ArrayBuffer(bytes)
  if (slabUsed + bytes > SLAB_BYTES) {
    slab = new ArrayBuffer(SLAB_BYTES)
    slabUsed = 0
  }
  memoryAt = slabUsed
  slabUsed += bytes // BYTES_A_RECORD is a multiple of 8
  return slab
}
