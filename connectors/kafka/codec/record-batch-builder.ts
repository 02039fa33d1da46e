/**
 * Builds record batches of magic 2 straight into one buffer that is used again for the next batch. The batch gets its
 * producer identity and checksum last (`stampBatch`), since both are known only when it is sent.
 */
import { crc32c } from '@node-rs/crc32'
import { assert } from '../../../src/common/assert.ts'
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_AT,
  CRC_AT,
  LAST_OFFSET_DELTA_AT,
  LEADER_EPOCH_AT,
  LOG_OVERHEAD_BYTES,
  MAGIC,
  MAGIC_AT,
  MAX_TIMESTAMP_AT,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  RECORD_COUNT_AT,
  TRANSACTIONAL_FLAG,
  writeInt64,
} from './batch-format.ts'
import { COMPRESSIONS, type Compression, compress } from './compression.ts'
import { sizeOfVarint, sizeOfVarlong, writeVarint, writeVarlong } from './varint.ts'

export interface SealedBatch {
  readonly buffer: Buffer
  readonly recordCount: number
}

export interface ProducerIdentity {
  /** -1: no idempotence; epoch and sequence are -1 then too. */
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly isTransactional: boolean
}

export interface HeaderInput {
  readonly key: string
  /** A string is written as UTF-8. */
  readonly value: Uint8Array | string | null
}

const NO_HEADERS: readonly HeaderInput[] = []
const NO_PRODUCER: ProducerIdentity = { producerId: -1, producerEpoch: -1, baseSequence: -1, isTransactional: false }

/** Upper bound of a record's own fields: five varints of 5 bytes, one of 10, attributes. */
const MAX_RECORD_OVERHEAD_BYTES = 5 * 5 + 10 + 1
/** Above this a loop over the chars of a key is slower than the native call. */
const SHORT_KEY_CHARS = 16
/** Above this, text is measured before it is written, so that room for the worst case (3 bytes a char) isn't taken. */
const LONG_TEXT_CHARS = 16 * 1024
/** Lengths inside a batch are int32. */
const MAX_BATCH_BYTES = 2 ** 31 - 1

export class RecordBatchBuilder {
  #buffer: Buffer
  #end = BATCH_HEADER_BYTES
  #count = 0
  #baseTimestamp = 0
  #maxTimestamp = 0

  /** `initialBytes`: the buffer's first size; it doubles when it is full and keeps its size across batches. */
  constructor(initialBytes = 64 * 1024) {
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(initialBytes, 2 * BATCH_HEADER_BYTES))
  }

  get count(): number {
    return this.#count
  }

  /** Of the batch as it stands, uncompressed, its header included. */
  get byteLength(): number {
    return this.#end
  }

  /** Drops what was appended. */
  reset(): void {
    this.#end = BATCH_HEADER_BYTES
    this.#count = 0
  }

  /**
   * @param timestamp milliseconds since 1970, a safe integer
   * @param key latin1: one char is one byte (a char above 255 is an assertion)
   * @param value any text, written as UTF-8
   */
  appendText(timestamp: number, key: string | null, value: string): void {
    const chars = value.length
    const isLong = chars > LONG_TEXT_CHARS
    // A guess, right for ASCII: the record is laid out by it, and again where the text turns out to be longer.
    const guess = isLong ? Buffer.byteLength(value) : chars
    this.#begin(timestamp, (key === null ? 0 : key.length) + (isLong ? guess : 3 * chars) + 1)
    let valueAt = this.#layOut(timestamp, key, guess, 1)
    const written = this.#buffer.write(value, valueAt)
    if (written !== guess) {
      const firstAt = valueAt
      valueAt = this.#layOut(timestamp, key, written, 1)
      if (valueAt !== firstAt) this.#buffer.write(value, valueAt)
    }
    this.#buffer[valueAt + written] = 0 // no headers
    this.#finish(timestamp, valueAt + written + 1)
  }

  /**
   * @param timestamp milliseconds since 1970, a safe integer
   * @param key bytes, or a latin1 string: one char is one byte (a char above 255 is an assertion)
   * @param value null is a tombstone
   */
  appendBytes(
    timestamp: number,
    key: Uint8Array | string | null,
    value: Uint8Array | null,
    headers: readonly HeaderInput[] = NO_HEADERS,
  ): void {
    const valueBytes = value === null ? -1 : value.length
    const headersBytes = headers.length === 0 ? 1 : sizeOfHeaders(headers)
    this.#begin(timestamp, (key === null ? 0 : key.length) + Math.max(valueBytes, 0) + headersBytes)
    let p = this.#layOut(timestamp, key, valueBytes, headersBytes)
    if (value !== null) {
      this.#buffer.set(value, p)
      p += valueBytes
    }
    p = headers.length === 0 ? writeVarint(this.#buffer, p, 0) : writeHeaders(this.#buffer, p, headers)
    this.#finish(timestamp, p)
  }

  /**
   * The batch as it goes to the broker, but for what `stampBatch` writes: call that before it is sent, always. Text and
   * bytes are copied or compressed out, so the builder is empty and usable at once and nothing has to be given back.
   */
  seal(compression: Compression): SealedBatch {
    assert(this.#count > 0, 'a batch that is sealed holds a record')
    const records = this.#buffer.subarray(BATCH_HEADER_BYTES, this.#end)
    const packed = compress(compression, records)
    const batch = Buffer.allocUnsafe(BATCH_HEADER_BYTES + packed.length)
    batch.set(packed, BATCH_HEADER_BYTES)
    writeInt64(batch, BASE_OFFSET_AT, 0) // the broker's to assign
    batch.writeInt32BE(batch.length - LOG_OVERHEAD_BYTES, BATCH_LENGTH_AT)
    batch.writeInt32BE(-1, LEADER_EPOCH_AT)
    batch[MAGIC_AT] = MAGIC
    batch.writeInt16BE(COMPRESSIONS.indexOf(compression), ATTRIBUTES_AT)
    batch.writeInt32BE(this.#count - 1, LAST_OFFSET_DELTA_AT)
    writeInt64(batch, BASE_TIMESTAMP_AT, this.#baseTimestamp)
    writeInt64(batch, MAX_TIMESTAMP_AT, this.#maxTimestamp)
    batch.writeInt32BE(this.#count, RECORD_COUNT_AT)
    // What is not stamped is refused, and shows no stale memory.
    batch.writeUInt32BE(0, CRC_AT)
    writeProducer(batch, NO_PRODUCER)
    const sealed = { buffer: batch, recordCount: this.#count }
    this.reset()
    return sealed
  }

  /** Room for a record whose key, value and headers take `payloadBytes` at most. */
  #begin(timestamp: number, payloadBytes: number): void {
    assert(Number.isSafeInteger(timestamp), 'a timestamp is a safe integer')
    const needed = this.#end + MAX_RECORD_OVERHEAD_BYTES + payloadBytes
    if (needed > this.#buffer.length) this.#grow(needed)
    if (this.#count === 0) {
      this.#baseTimestamp = timestamp
      this.#maxTimestamp = timestamp
    }
  }

  #grow(needed: number): void {
    assert(needed <= MAX_BATCH_BYTES, 'a batch is sealed long before it reaches 2 GiB')
    let size = this.#buffer.length
    while (size < needed) size *= 2
    const larger = Buffer.allocUnsafeSlow(size)
    this.#buffer.copy(larger, 0, 0, this.#end)
    this.#buffer = larger
  }

  /** Writes a record up to its value, which takes `valueBytes` (-1: null) and `headersBytes` behind it; answers where it begins. */
  #layOut(timestamp: number, key: Uint8Array | string | null, valueBytes: number, headersBytes: number): number {
    const buffer = this.#buffer
    const offsetDelta = this.#count
    const timestampDelta = timestamp - this.#baseTimestamp
    const keyBytes = key === null ? -1 : key.length
    const bytes =
      1 +
      sizeOfVarlong(timestampDelta) +
      sizeOfVarint(offsetDelta) +
      sizeOfVarint(keyBytes) +
      Math.max(keyBytes, 0) +
      sizeOfVarint(valueBytes) +
      Math.max(valueBytes, 0) +
      headersBytes
    let p = writeVarint(buffer, this.#end, bytes)
    buffer[p++] = 0 // attributes: none defined
    p = writeVarlong(buffer, p, timestampDelta)
    p = writeVarint(buffer, p, offsetDelta)
    p = writeVarint(buffer, p, keyBytes)
    if (key !== null) p = typeof key === 'string' ? writeLatin1(buffer, p, key) : writeBytes(buffer, p, key)
    return writeVarint(buffer, p, valueBytes)
  }

  #finish(timestamp: number, end: number): void {
    this.#end = end
    this.#count++
    if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp
  }
}

/** Writes the producer's fields and the checksum. May be called again with another identity. */
export function stampBatch(batch: SealedBatch, identity: ProducerIdentity): void {
  const { buffer } = batch
  const attributes = buffer.readInt16BE(ATTRIBUTES_AT) & ~TRANSACTIONAL_FLAG
  buffer.writeInt16BE(identity.isTransactional ? attributes | TRANSACTIONAL_FLAG : attributes, ATTRIBUTES_AT)
  writeProducer(buffer, identity)
  buffer.writeUInt32BE(crc32c(buffer.subarray(ATTRIBUTES_AT)), CRC_AT)
}

function writeProducer(buffer: Buffer, identity: ProducerIdentity): void {
  writeInt64(buffer, PRODUCER_ID_AT, identity.producerId)
  buffer.writeInt16BE(identity.producerEpoch, PRODUCER_EPOCH_AT)
  buffer.writeInt32BE(identity.baseSequence, BASE_SEQUENCE_AT)
}

function writeLatin1(buffer: Buffer, at: number, text: string): number {
  const chars = text.length
  let allBits = 0
  if (chars <= SHORT_KEY_CHARS) {
    for (let index = 0; index < chars; index++) {
      const char = text.charCodeAt(index)
      buffer[at + index] = char
      allBits |= char
    }
  } else {
    for (let index = 0; index < chars; index++) allBits |= text.charCodeAt(index)
    buffer.write(text, at, 'latin1')
  }
  assert(allBits <= 0xff, 'a latin1 key has no char above 255')
  return at + chars
}

function writeBytes(buffer: Buffer, at: number, bytes: Uint8Array): number {
  buffer.set(bytes, at)
  return at + bytes.length
}

/** The headers of a record with their count: bytes they take. */
function sizeOfHeaders(headers: readonly HeaderInput[]): number {
  let size = sizeOfVarint(headers.length)
  for (const { key, value } of headers) {
    const keyBytes = Buffer.byteLength(key)
    const valueBytes = value === null ? -1 : Buffer.byteLength(value)
    size += sizeOfVarint(keyBytes) + keyBytes + sizeOfVarint(valueBytes) + Math.max(valueBytes, 0)
  }
  return size
}

function writeHeaders(buffer: Buffer, at: number, headers: readonly HeaderInput[]): number {
  let p = writeVarint(buffer, at, headers.length)
  for (const { key, value } of headers) {
    p = writeText(buffer, p, key)
    if (value === null) p = writeVarint(buffer, p, -1)
    else if (typeof value === 'string') p = writeText(buffer, p, value)
    else p = writeBytes(buffer, writeVarint(buffer, p, value.length), value)
  }
  return p
}

function writeText(buffer: Buffer, at: number, text: string): number {
  const p = writeVarint(buffer, at, Buffer.byteLength(text))
  return p + buffer.write(text, p)
}
