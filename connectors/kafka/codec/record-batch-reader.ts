/**
 * Reads record batches of magic 2: `readBatchHeader` tells what a batch is without touching its records, `decodeRecords`
 * finds them. Nothing is copied but what compression makes; everything is checked before it is believed, so that damaged
 * bytes end in MR_KAFKA_CORRUPT_BATCH and nothing else.
 */
import { BATCH_HEADER_BYTES, MIN_RECORD_BYTES } from './batch-format.ts'
import type { BatchHeader } from './batch-header.ts'
import { decompress } from './compression.ts'
import { atBatch, corruptBatch, numberOutOfRange } from './corrupt-batch.ts'
import { RecordSet } from './record-set.ts'
import { readVarint, readVarlong, varintEnd } from './varint.ts'

export { type BatchHeader, type ReadBatchHeaderOptions, readBatchHeader } from './batch-header.ts'
export { RecordSet } from './record-set.ts'

/** What a batch may decompress to unless the caller says otherwise. */
export const DEFAULT_MAX_DECOMPRESSED_BYTES = 256 * 1024 * 1024

/** The records of the batch in `buffer` that `header` was read from. */
export function decodeRecords(
  buffer: Buffer,
  header: BatchHeader,
  maxDecompressedBytes: number = DEFAULT_MAX_DECOMPRESSED_BYTES,
): RecordSet {
  const start = header.at + BATCH_HEADER_BYTES
  const end = header.at + header.byteLength
  try {
    // A batch whose records were all compacted away keeps its header, and its compression, with nothing behind it.
    if (header.compression === 'none' || header.recordCount === 0) return decodeBlock(buffer, start, end, header)
    const block = decompress(header.compression, buffer.subarray(start, end), maxDecompressedBytes)
    return decodeBlock(block, 0, block.length, header)
  } catch (error) {
    throw atBatch(error, header.baseOffset, header.at)
  }
}

function decodeBlock(block: Buffer, start: number, end: number, header: BatchHeader): RecordSet {
  const { recordCount, baseOffset, baseTimestamp } = header
  if (recordCount > (end - start) / MIN_RECORD_BYTES) {
    throw corruptBatch(`${recordCount} records claimed in ${end - start} bytes`)
  }
  const records = new RecordSet(recordCount, block)
  const { offsets, timestamps, keyStart, keyEnd, valueStart, valueEnd, headersStart, headersCount } = records
  let p = start
  let lastDelta = -1
  for (let index = 0; index < recordCount; index++) {
    const length = readVarint(block, p, end)
    p = varintEnd
    if (length < MIN_RECORD_BYTES - 1 || length > end - p) {
      throw corruptBatch(`record ${index} claims ${length} bytes of ${end - p}`)
    }
    const limit = p + length
    p++ // the record's attributes: no bit is in use

    const timestamp = baseTimestamp + readVarlong(block, p, limit)
    p = varintEnd
    if (!Number.isSafeInteger(timestamp)) throw numberOutOfRange('the timestamp of a record')
    timestamps[index] = timestamp

    const offsetDelta = readVarint(block, p, limit)
    p = varintEnd
    if (offsetDelta <= lastDelta) throw corruptBatch(`offset delta ${offsetDelta} behind ${lastDelta}`)
    lastDelta = offsetDelta
    offsets[index] = baseOffset + offsetDelta

    const keyLength = readVarint(block, p, limit)
    p = varintEnd
    if (keyLength > limit - p) throw corruptBatch(`a key of ${keyLength} bytes runs past its record`)
    if (keyLength < 0) {
      keyStart[index] = -1
      keyEnd[index] = -1
    } else {
      keyStart[index] = p
      keyEnd[index] = p += keyLength
    }

    const valueLength = readVarint(block, p, limit)
    p = varintEnd
    if (valueLength > limit - p) throw corruptBatch(`a value of ${valueLength} bytes runs past its record`)
    if (valueLength < 0) {
      valueStart[index] = -1
      valueEnd[index] = -1
    } else {
      valueStart[index] = p
      valueEnd[index] = p += valueLength
    }

    const headerCount = readVarint(block, p, limit)
    p = varintEnd
    headersStart[index] = p
    headersCount[index] = headerCount
    if (headerCount !== 0) p = skipHeaders(block, p, limit, headerCount)
    if (p !== limit) throw corruptBatch(`record ${index} is ${limit - p} bytes longer than its fields`)
  }
  if (p !== end) throw corruptBatch(`${end - p} bytes behind the last record`)
  if (lastDelta > header.lastOffset - baseOffset) {
    throw corruptBatch(`offset delta ${lastDelta} beyond the batch's last offset ${header.lastOffset}`)
  }
  if (header.timestampType === 'append') timestamps.fill(header.maxTimestamp)
  return records
}

/** Walks the headers of a record so that `decodeRecordHeaders` may trust them; answers where they end. */
function skipHeaders(block: Buffer, at: number, limit: number, count: number): number {
  // A header takes two bytes at least.
  if (count < 0 || count > (limit - at) / 2) throw corruptBatch(`${count} headers claimed in ${limit - at} bytes`)
  let p = at
  for (let index = 0; index < count; index++) {
    const keyLength = readVarint(block, p, limit)
    p = varintEnd
    if (keyLength < 0 || keyLength > limit - p) throw corruptBatch(`a header key of ${keyLength} bytes`)
    p += keyLength
    const valueLength = readVarint(block, p, limit)
    p = varintEnd
    if (valueLength > limit - p) throw corruptBatch(`a header value of ${valueLength} bytes`)
    if (valueLength > 0) p += valueLength
  }
  return p
}

/** The headers of one record, in their order; a key may stand there more than once. Values are slices of `records.buffer`. */
export function decodeRecordHeaders(records: RecordSet, index: number): Array<{ key: string; value: Buffer | null }> {
  const { buffer } = records
  const headers: Array<{ key: string; value: Buffer | null }> = []
  let p = records.headersStart[index] as number
  for (let left = records.headersCount[index] as number; left > 0; left--) {
    const keyLength = readVarint(buffer, p, buffer.length)
    p = varintEnd
    const key = buffer.toString('utf8', p, p + keyLength)
    p += keyLength
    const valueLength = readVarint(buffer, p, buffer.length)
    p = varintEnd
    headers.push({ key, value: valueLength < 0 ? null : buffer.subarray(p, p + valueLength) })
    if (valueLength > 0) p += valueLength
  }
  return headers
}

/** The kind of the marker in a control batch. Its key: version and type, int16 each; later versions may append fields. */
export function readControlRecord(buffer: Buffer, header: BatchHeader): 'abort' | 'commit' | 'other' {
  const records = decodeRecords(buffer, header)
  if (records.count === 0) return 'other' // compacted away
  const start = records.keyStart[0] as number
  if (start < 0 || (records.keyEnd[0] as number) - start < 4) {
    throw corruptBatch('a control record without version and type')
  }
  const type = records.buffer.readInt16BE(start + 2)
  return type === 0 ? 'abort' : type === 1 ? 'commit' : 'other'
}
