import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ErrorCode, isMillraceError } from '../../../src/common/errors.ts'
import {
  APPEND_TIME_FLAG,
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_AT,
  CONTROL_FLAG,
  LAST_OFFSET_DELTA_AT,
  MAGIC_AT,
  MAX_TIMESTAMP_AT,
  PRODUCER_ID_AT,
  RECORD_COUNT_AT,
  writeInt64,
} from './batch-format.ts'
import { COMPRESSIONS, compress } from './compression.ts'
import { RecordBatchBuilder, stampBatch } from './record-batch-builder.ts'
import { type BatchHeader, decodeRecords, readBatchHeader, readControlRecord } from './record-batch-reader.ts'
import { buildBatch, plainRecordsOf, restampCrc } from './testing.ts'

const RECORDS = ['one', 'two', 'three', 'four'].map((value, offset) => ({
  offset,
  timestamp: 1_790_000_000_000 + offset,
  key: Buffer.from(`key of ${value}`),
  value: Buffer.from(value),
  headers: [],
}))

function change(edit: (batch: Buffer) => void): Buffer {
  const batch = buildBatch(RECORDS, 'none')
  edit(batch)
  restampCrc(batch)
  return batch
}

function headerOf(buffer: Buffer): BatchHeader {
  const header = readBatchHeader(buffer, 0)
  assert.ok(header !== null, 'the batch is whole')
  return header
}

function refuses(buffer: Buffer, code: ErrorCode, message: RegExp): void {
  assert.throws(
    () => decodeRecords(buffer, headerOf(buffer)),
    (error) => isMillraceError(error, code) && message.test(error.message),
  )
}

/** A batch whose records are these bytes, claimed to be `count`. */
function batchOf(records: Buffer, count: number, lastOffsetDelta = Math.max(count - 1, 0)): Buffer {
  const batch = Buffer.concat([buildBatch(RECORDS, 'none').subarray(0, BATCH_HEADER_BYTES), records])
  batch.writeInt32BE(batch.length - 12, BATCH_LENGTH_AT)
  batch.writeInt32BE(count, RECORD_COUNT_AT)
  batch.writeInt32BE(lastOffsetDelta, LAST_OFFSET_DELTA_AT)
  restampCrc(batch)
  return batch
}

test('a batch that is cut off anywhere is null, not an error', () => {
  const batch = buildBatch(RECORDS, 'none')
  for (let length = 0; length < batch.length; length++) {
    assert.equal(readBatchHeader(batch.subarray(0, length), 0), null, `${length} bytes`)
  }
  assert.equal(readBatchHeader(batch, batch.length), null)
})

test('every flipped bit behind the length is found by the checksum, or as another format', () => {
  const batch = buildBatch(RECORDS, 'none')
  for (let at = MAGIC_AT; at < batch.length; at++) {
    const changed = Buffer.from(batch)
    changed[at] = (changed[at] as number) ^ 0x01
    assert.throws(() => readBatchHeader(changed, 0), isMillraceError, `byte ${at}`)
  }
})

test('the checksum is left alone where the caller says so', () => {
  const batch = buildBatch(RECORDS, 'none')
  batch[batch.length - 2] = 0x58 // in the last value
  assert.equal(readBatchHeader(batch, 0, { verifyCrc: false })?.recordCount, 4)
})

test('offset gaps that compaction left are kept, and the batch ends where it ended before', () => {
  const [first, , , fourth] = RECORDS.map((record) => record)
  assert.ok(first && fourth)
  // The second and third record taken out of the bytes, as the log cleaner does, header otherwise kept.
  const whole = buildBatch(RECORDS, 'none')
  const records = decodeRecords(whole, headerOf(whole))
  const recordEnd = (index: number) => (records.valueEnd[index] as number) + 1
  const kept = Buffer.concat([whole.subarray(BATCH_HEADER_BYTES, recordEnd(0)), whole.subarray(recordEnd(2), recordEnd(3))])
  const batch = batchOf(kept, 2, 9)
  writeInt64(batch, BASE_OFFSET_AT, 2 ** 40)
  const header = headerOf(batch)
  assert.equal(header.lastOffset, 2 ** 40 + 9)
  assert.deepEqual(
    plainRecordsOf(batch, header).map(({ offset, timestamp }) => [offset, timestamp]),
    [
      [2 ** 40, first.timestamp],
      [2 ** 40 + 3, fourth.timestamp],
    ],
  )
})

test('a batch that compaction emptied has no records but keeps its last offset', () => {
  for (const compression of [0, 1, 4]) {
    const batch = batchOf(Buffer.alloc(0), 0, 3)
    batch.writeInt16BE(compression, ATTRIBUTES_AT)
    restampCrc(batch)
    const header = headerOf(batch)
    assert.equal(header.lastOffset, 3)
    assert.equal(decodeRecords(batch, header).count, 0)
  }
})

test('the records of one batch stay as they are while others are decoded', () => {
  const batch = buildBatch(RECORDS, 'none')
  const sets = Array.from({ length: 3000 }, (_, index) => {
    writeInt64(batch, BASE_OFFSET_AT, index * 1000)
    return decodeRecords(batch, headerOf(batch))
  })
  for (const [index, { offsets, headersCount }] of sets.entries()) {
    assert.deepEqual(
      Array.from(offsets),
      [0, 1, 2, 3].map((delta) => index * 1000 + delta),
    )
    assert.deepEqual(Array.from(headersCount), [0, 0, 0, 0])
  }
})

test('log append time replaces the time of every record', () => {
  const batch = change((bytes) => {
    bytes.writeInt16BE(APPEND_TIME_FLAG, ATTRIBUTES_AT)
    writeInt64(bytes, MAX_TIMESTAMP_AT, 42)
  })
  const header = headerOf(batch)
  assert.equal(header.timestampType, 'append')
  assert.deepEqual(Array.from(decodeRecords(batch, header).timestamps), [42, 42, 42, 42])
})

test('control records tell commit from abort and leave the rest alone', () => {
  const marker = (key: Buffer) => {
    const builder = new RecordBatchBuilder()
    builder.appendBytes(1, key, Buffer.from([0, 0, 0, 0, 0, 7]))
    const batch = builder.seal('none')
    stampBatch(batch, { producerId: 1, producerEpoch: 1, baseSequence: -1, isTransactional: true })
    batch.buffer.writeInt16BE(batch.buffer.readInt16BE(ATTRIBUTES_AT) | CONTROL_FLAG, ATTRIBUTES_AT)
    restampCrc(batch.buffer)
    return batch.buffer
  }
  const kind = (buffer: Buffer) => readControlRecord(buffer, headerOf(buffer))
  const abort = marker(Buffer.from([0, 0, 0, 0]))
  assert.equal(headerOf(abort).isControl, true)
  assert.equal(kind(abort), 'abort')
  assert.equal(kind(marker(Buffer.from([0, 0, 0, 1]))), 'commit')
  assert.equal(kind(marker(Buffer.from([0, 1, 0, 1, 9, 9]))), 'commit', 'a later version of the key, with more fields')
  assert.equal(kind(marker(Buffer.from([0, 0, 0, 2]))), 'other')
  assert.throws(() => kind(marker(Buffer.from([0, 0]))), isMillraceError)
})

test('message formats from before Kafka 0.11 have an error of their own', () => {
  for (const magic of [0, 1]) {
    const batch = change((bytes) => bytes.writeInt8(magic, MAGIC_AT))
    refuses(batch, 'MR_KAFKA_OLD_MESSAGE_FORMAT', new RegExp(`magic ${magic}`))
    // They may be shorter than a header of magic 2.
    const short = Buffer.from(batch.subarray(0, 40))
    short.writeInt32BE(28, BATCH_LENGTH_AT)
    refuses(short, 'MR_KAFKA_OLD_MESSAGE_FORMAT', /magic/)
  }
  refuses(
    change((bytes) => bytes.writeInt8(3, MAGIC_AT)),
    'MR_KAFKA_CORRUPT_BATCH',
    /magic 3/,
  )
})

test('numbers beyond 2^53 are refused, not rounded', () => {
  const far = 2n ** 53n
  const edits: Array<(bytes: Buffer) => void> = [
    (bytes) => bytes.writeBigInt64BE(far - 3n, BASE_OFFSET_AT), // the last offset passes it
    (bytes) => bytes.writeBigInt64BE(far, MAX_TIMESTAMP_AT),
    (bytes) => bytes.writeBigInt64BE(2n ** 63n - 1n, PRODUCER_ID_AT),
  ]
  for (const edit of edits) refuses(change(edit), 'MR_KAFKA_NUMBER_OUT_OF_RANGE', /2\^53/)
})

test('a header that contradicts itself is refused', () => {
  const refused = (edit: (bytes: Buffer) => void, message: RegExp) => refuses(change(edit), 'MR_KAFKA_CORRUPT_BATCH', message)
  refused((bytes) => bytes.writeInt32BE(-1, BATCH_LENGTH_AT), /length of 11 bytes/)
  refused((bytes) => bytes.writeInt32BE(48, BATCH_LENGTH_AT), /length of 60 bytes/)
  refused((bytes) => bytes.writeInt16BE(5, ATTRIBUTES_AT), /unknown compression 5/)
  refused((bytes) => bytes.writeInt32BE(-1, RECORD_COUNT_AT), /negative/)
  refused((bytes) => bytes.writeInt32BE(-1, LAST_OFFSET_DELTA_AT), /negative/)
  refused((bytes) => writeInt64(bytes, BASE_OFFSET_AT, -1), /negative/)
  refused((bytes) => bytes.writeInt32BE(2 ** 31 - 1, RECORD_COUNT_AT), /2147483647 records claimed/)
  refused((bytes) => bytes.writeInt32BE(3, RECORD_COUNT_AT), /behind the last record/)
  refused((bytes) => bytes.writeInt32BE(5, RECORD_COUNT_AT), /varint runs past/)
  refused((bytes) => bytes.writeInt32BE(2, LAST_OFFSET_DELTA_AT), /beyond the batch's last offset/)
})

test('an error names the batch by its offset and place, compressed or not', () => {
  for (const compression of COMPRESSIONS) {
    const batch = buildBatch(RECORDS, compression)
    writeInt64(batch, BASE_OFFSET_AT, 5_000)
    batch.fill(0xff, batch.length - 6)
    restampCrc(batch)
    const buffer = Buffer.concat([Buffer.alloc(10), batch])
    const header = readBatchHeader(buffer, 10)
    assert.ok(header !== null)
    assert.throws(
      () => decodeRecords(buffer, header),
      (error) => {
        assert.ok(isMillraceError(error, 'MR_KAFKA_CORRUPT_BATCH'))
        assert.match(error.message, /base offset 5000/)
        assert.equal(error.details.baseOffset, 5_000)
        return error.details.at === 10
      },
    )
  }
})

test('a record that contradicts itself is refused', () => {
  const corrupt = (record: number[], message: RegExp, count = 1) =>
    refuses(batchOf(Buffer.from(record), count), 'MR_KAFKA_CORRUPT_BATCH', message)
  // length, attributes, timestamp delta, offset delta, key length, value length, headers; zig-zag: 1 is -1, 2 is 1.
  assert.equal(
    decodeRecords(batchOf(Buffer.from([12, 0, 0, 0, 1, 1, 0]), 1), headerOf(batchOf(Buffer.from([12, 0, 0, 0, 1, 1, 0]), 1)))
      .count,
    1,
  )
  corrupt([10, 0, 0, 0, 1, 1, 0], /claims 5 bytes/)
  corrupt([14, 0, 0, 0, 1, 1, 0], /claims 7 bytes of 6/)
  corrupt([12, 0, 0, 0, 2, 1, 0, 0], /longer than its fields|runs past|behind the last/)
  corrupt([12, 0, 0, 0, 20, 1, 0], /key of 10 bytes/)
  corrupt([12, 0, 0, 0, 1, 20, 0], /value of 10 bytes/)
  corrupt([12, 0, 0, 0, 1, 1, 2], /1 headers claimed/)
  corrupt([12, 0, 0, 0, 1, 1, 1], /-1 headers claimed/)
  corrupt([12, 0, 0, 1, 1, 1, 0], /offset delta -1/)
  corrupt([12, 0, 0, 0, 1, 1, 0, 12, 0, 0, 0, 1, 1, 0], /offset delta 0 behind 0/, 2)
  corrupt([14, 0, 0, 0, 1, 1, 0, 0], /1 bytes longer than its fields/)
  corrupt([16, 0, 0, 0, 1, 1, 2, 1, 0], /header key of -1/)
  corrupt([16, 0, 0, 0, 1, 1, 2, 0, 20], /header value of 10/)
})

test('a compressed batch is refused above the limit its reader allows', () => {
  const batch = buildBatch([{ offset: 0, timestamp: 1, key: null, value: Buffer.alloc(1_000_000), headers: [] }], 'zstd')
  const header = headerOf(batch)
  assert.equal(decodeRecords(batch, header).count, 1)
  assert.throws(
    () => decodeRecords(batch, header, 900_000),
    (error) => isMillraceError(error, 'MR_KAFKA_BATCH_TOO_LARGE'),
  )
})

test('damage inside a compressed block is refused like any other', () => {
  const packed = compress('zstd', Buffer.from([12, 0, 0, 0, 20, 1, 0]))
  const batch = batchOf(packed, 1)
  batch.writeInt16BE(4, ATTRIBUTES_AT)
  restampCrc(batch)
  refuses(batch, 'MR_KAFKA_CORRUPT_BATCH', /key of 10 bytes/)
})
