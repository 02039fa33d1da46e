/**
 * The layout of a record batch, magic 2 (KIP-98; Kafka's documentation, "Record Batch"). All integers big-endian.
 * The checksum covers everything from the attributes on, so offset, leader epoch and length can be set by the broker.
 */
export const BASE_OFFSET_AT = 0
export const BATCH_LENGTH_AT = 8
export const LEADER_EPOCH_AT = 12
export const MAGIC_AT = 16
export const CRC_AT = 17
export const ATTRIBUTES_AT = 21
export const LAST_OFFSET_DELTA_AT = 23
export const BASE_TIMESTAMP_AT = 27
export const MAX_TIMESTAMP_AT = 35
export const PRODUCER_ID_AT = 43
export const PRODUCER_EPOCH_AT = 51
export const BASE_SEQUENCE_AT = 53
export const RECORD_COUNT_AT = 57
/** Bytes of the fixed part: the first record (or the compressed block of records) begins here. */
export const BATCH_HEADER_BYTES = 61

/** Bytes before what the batch-length field counts: base offset and the field itself. */
export const LOG_OVERHEAD_BYTES = 12
export const MAGIC = 2

/** Attribute bits. Bits 0 to 2 hold the compression's id. */
export const COMPRESSION_MASK = 0x07
export const APPEND_TIME_FLAG = 0x08
export const TRANSACTIONAL_FLAG = 0x10
export const CONTROL_FLAG = 0x20

/** The shortest record: length, attributes, two deltas, two lengths and the header count, one byte each. */
export const MIN_RECORD_BYTES = 7

const TWO_32 = 2 ** 32

/** The int64 at `at` as a number: exact within ±2^53, rounded beyond (the caller refuses those). */
export function readInt64(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at) * TWO_32 + buffer.readUInt32BE(at + 4)
}

/** `value` must be a safe integer. */
export function writeInt64(buffer: Buffer, at: number, value: number): void {
  const high = Math.floor(value / TWO_32)
  buffer.writeInt32BE(high, at)
  buffer.writeUInt32BE(value - high * TWO_32, at + 4)
}
