import { crc32c } from '@node-rs/crc32'
import { MillraceError } from '../../../src/common/errors.ts'
import {
  APPEND_TIME_FLAG,
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_AT,
  COMPRESSION_MASK,
  CONTROL_FLAG,
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
  readInt64,
  TRANSACTIONAL_FLAG,
} from './batch-format.ts'
import { COMPRESSIONS, type Compression } from './compression.ts'
import { atBatch, corruptBatch, numberOutOfRange } from './corrupt-batch.ts'

export interface BatchHeader {
  readonly baseOffset: number
  /** Of the batch, not of its last record: compaction may have removed that one. The next batch begins behind it. */
  readonly lastOffset: number
  /** Of the whole batch, header included: the next one begins at `at + byteLength`. */
  readonly byteLength: number
  readonly partitionLeaderEpoch: number
  readonly compression: Compression
  /** `append`: the broker's clock, the same for every record. */
  readonly timestampType: 'create' | 'append'
  readonly isTransactional: boolean
  /** A transaction marker or another of the broker's own records, never a user's. */
  readonly isControl: boolean
  readonly baseTimestamp: number
  readonly maxTimestamp: number
  /** -1: written by no idempotent producer. */
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly recordCount: number
  /** Where the batch begins in its buffer. */
  readonly at: number
}

export interface ReadBatchHeaderOptions {
  /** Default true. Off only where the bytes have been checked before. */
  readonly verifyCrc?: boolean
}

/**
 * The header of the batch that begins at `at`, or null where the buffer ends before the batch does: a fetch answer may
 * end in a part of a batch. Kafka always sends the first batch of an answer whole (KIP-74), so null at the very start of one means
 * that the answer holds nothing, or that the length was damaged: the caller must not fetch the same again for ever.
 */
export function readBatchHeader(buffer: Buffer, at: number, options?: ReadBatchHeaderOptions): BatchHeader | null {
  const available = buffer.length - at
  if (available < LOG_OVERHEAD_BYTES) return null
  try {
    const byteLength = LOG_OVERHEAD_BYTES + buffer.readInt32BE(at + BATCH_LENGTH_AT)
    if (byteLength <= MAGIC_AT) throw corruptBatch(`a length of ${byteLength} bytes`)
    if (available <= MAGIC_AT) return null
    checkMagic(buffer[at + MAGIC_AT] as number)
    if (byteLength < BATCH_HEADER_BYTES) throw corruptBatch(`a length of ${byteLength} bytes`)
    if (byteLength > available) return null
    if (options?.verifyCrc !== false) checkCrc(buffer, at, byteLength)
    return parseHeader(buffer, at, byteLength)
  } catch (error) {
    throw atBatch(error, readInt64(buffer, at + BASE_OFFSET_AT), at)
  }
}

function parseHeader(buffer: Buffer, at: number, byteLength: number): BatchHeader {
  const attributes = buffer.readInt16BE(at + ATTRIBUTES_AT)
  const compression = COMPRESSIONS[attributes & COMPRESSION_MASK]
  if (compression === undefined) throw corruptBatch(`unknown compression ${attributes & COMPRESSION_MASK}`)
  const baseOffset = readInt64(buffer, at + BASE_OFFSET_AT)
  const lastOffsetDelta = buffer.readInt32BE(at + LAST_OFFSET_DELTA_AT)
  const recordCount = buffer.readInt32BE(at + RECORD_COUNT_AT)
  if (baseOffset < 0 || lastOffsetDelta < 0 || recordCount < 0) {
    throw corruptBatch(`negative offset, offset delta ${lastOffsetDelta} or count ${recordCount}`)
  }
  const header: BatchHeader = {
    baseOffset,
    lastOffset: baseOffset + lastOffsetDelta,
    byteLength,
    partitionLeaderEpoch: buffer.readInt32BE(at + LEADER_EPOCH_AT),
    compression,
    timestampType: attributes & APPEND_TIME_FLAG ? 'append' : 'create',
    isTransactional: (attributes & TRANSACTIONAL_FLAG) !== 0,
    isControl: (attributes & CONTROL_FLAG) !== 0,
    baseTimestamp: readInt64(buffer, at + BASE_TIMESTAMP_AT),
    maxTimestamp: readInt64(buffer, at + MAX_TIMESTAMP_AT),
    producerId: readInt64(buffer, at + PRODUCER_ID_AT),
    producerEpoch: buffer.readInt16BE(at + PRODUCER_EPOCH_AT),
    baseSequence: buffer.readInt32BE(at + BASE_SEQUENCE_AT),
    recordCount,
    at,
  }
  if (!Number.isSafeInteger(header.lastOffset)) throw numberOutOfRange('an offset')
  if (!Number.isSafeInteger(header.producerId)) throw numberOutOfRange('a producer id')
  if (!Number.isSafeInteger(header.baseTimestamp) || !Number.isSafeInteger(header.maxTimestamp)) {
    throw numberOutOfRange('the timestamp of a batch')
  }
  return header
}

function checkMagic(magic: number): void {
  if (magic === MAGIC) return
  if (magic > MAGIC) throw corruptBatch(`unknown magic ${magic}`)
  throw new MillraceError(
    'MR_KAFKA_OLD_MESSAGE_FORMAT',
    `the topic holds records of magic ${magic}, the message format from before Kafka 0.11`,
    { details: { magic } },
  )
}

function checkCrc(buffer: Buffer, at: number, byteLength: number): void {
  const stored = buffer.readUInt32BE(at + CRC_AT)
  const computed = crc32c(buffer.subarray(at + ATTRIBUTES_AT, at + byteLength))
  if (stored !== computed) throw corruptBatch(`checksum ${computed}, stored is ${stored}`)
}
