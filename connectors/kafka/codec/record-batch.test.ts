import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AssertionError } from '../../../src/common/assert.ts'
import { isMillraceError } from '../../../src/common/errors.ts'
import { COMPRESSIONS } from './compression.ts'
import { RecordBatchBuilder, stampBatch } from './record-batch-builder.ts'
import { type BatchHeader, readBatchHeader } from './record-batch-reader.ts'
import { buildBatch, plainRecords, plainRecordsOf } from './testing.ts'

const IDENTITY = { producerId: 77, producerEpoch: 3, baseSequence: 12, isTransactional: true }

function headerOf(buffer: Buffer, at = 0): BatchHeader {
  const header = readBatchHeader(buffer, at)
  assert.ok(header !== null, 'the batch is whole')
  return header
}

for (const compression of COMPRESSIONS) {
  test(`${compression}: records come back as they were appended`, () => {
    fc.assert(
      fc.property(plainRecords, fc.nat(100), (records, before) => {
        // Among other bytes, as in a fetch answer.
        const batch = buildBatch(records, compression)
        const buffer = Buffer.concat([Buffer.alloc(before, 0xaa), batch, Buffer.alloc(7, 0xbb)])
        const header = headerOf(buffer, before)
        assert.equal(header.byteLength, batch.length)
        assert.equal(header.at, before)
        assert.equal(header.compression, compression)
        assert.equal(header.recordCount, records.length)
        assert.equal(header.lastOffset, records.length - 1)
        assert.equal(header.baseTimestamp, records[0]?.timestamp)
        assert.equal(header.maxTimestamp, Math.max(...records.map((record) => record.timestamp)))
        assert.deepEqual(plainRecordsOf(buffer, header), records.map(plainBytes))
      }),
      { numRuns: 60 },
    )
  })
}

/** fast-check's arrays and Buffers alike as Uint8Array, so that deepEqual compares bytes alone. */
function plainBytes(record: Parameters<typeof buildBatch>[0][number]) {
  const plain = (bytes: Uint8Array | null) => (bytes === null ? null : new Uint8Array(bytes))
  const headers = record.headers.map(({ key, value }) => ({ key: Buffer.from(key).toString(), value: plain(value) }))
  return { offset: record.offset, timestamp: record.timestamp, key: plain(record.key), value: plain(record.value), headers }
}

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 200 }),
  fc.string({ unit: 'binary', maxLength: 50 }), // lone surrogates too
  fc.string({ unit: 'grapheme-ascii', maxLength: 300 }),
  // ASCII up to a varint's step, then chars that take it over.
  fc
    .tuple(fc.constantFrom(60, 61, 62, 63, 64, 8188, 8190, 8191), fc.constantFrom('', 'é', '中', '😀'))
    .map(([n, last]) => 'a'.repeat(n) + last),
  fc.constantFrom('中'.repeat(20_000), 'a'.repeat(20_000), `${'a'.repeat(40_000)}😀`),
)
const latin1 = fc
  .oneof(fc.uint8Array({ maxLength: 12 }), fc.uint8Array({ minLength: 13, maxLength: 100 }))
  .map((bytes) => Buffer.from(bytes).toString('latin1'))

test('text comes back as UTF-8 and a latin1 key as its bytes, whatever the guess of its length was', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.option(latin1), text), { minLength: 1, maxLength: 10 }), (entries) => {
      const builder = new RecordBatchBuilder(61)
      for (const [index, [key, value]] of entries.entries()) builder.appendText(1000 - index * 50, key, value)
      const { byteLength } = builder
      const batch = builder.seal('none')
      stampBatch(batch, IDENTITY)
      assert.equal(batch.buffer.length, byteLength)
      const header = headerOf(batch.buffer)
      assert.equal(header.maxTimestamp, 1000)
      assert.deepEqual(
        plainRecordsOf(batch.buffer, header),
        entries.map(([key, value], offset) => ({
          offset,
          timestamp: 1000 - offset * 50,
          key: key === null ? null : new Uint8Array(Buffer.from(key, 'latin1')),
          value: new Uint8Array(Buffer.from(value)),
          headers: [],
        })),
      )
    }),
    { numRuns: 300 },
  )
})

test('there is room for text that takes three bytes a char, whatever its length and the buffer left', () => {
  for (let chars = 0; chars < 300; chars++) {
    const builder = new RecordBatchBuilder(0)
    builder.appendText(0, null, '中'.repeat(chars))
    const buffer = sealed(builder)
    assert.equal(plainRecordsOf(buffer, headerOf(buffer))[0]?.value?.length, 3 * chars)
  }
})

test('a sealed batch is its own: the builder goes on without touching it', () => {
  const builder = new RecordBatchBuilder()
  builder.appendText(1, 'a', 'first')
  const first = builder.seal('none')
  stampBatch(first, IDENTITY)
  const copy = Buffer.from(first.buffer)
  assert.equal(builder.count, 0)
  for (let index = 0; index < 5000; index++) builder.appendText(2, 'b', 'second')
  assert.equal(builder.count, 5000)
  assert.equal(headerOf(sealed(builder)).recordCount, 5000)
  assert.deepEqual(first.buffer, copy)
})

test('what was appended before a reset is not in the next batch', () => {
  const builder = new RecordBatchBuilder()
  builder.appendText(5000, 'a', 'dropped')
  builder.reset()
  builder.appendText(1, 'b', 'kept')
  const buffer = sealed(builder)
  const header = headerOf(buffer)
  assert.equal(header.maxTimestamp, 1)
  assert.deepEqual(
    plainRecordsOf(buffer, header).map(({ value }) => Buffer.from(value ?? []).toString()),
    ['kept'],
  )
})

function sealed(builder: RecordBatchBuilder): Buffer {
  const batch = builder.seal('none')
  stampBatch(batch, IDENTITY)
  return batch.buffer
}

test('a batch may be stamped again for another producer', () => {
  const builder = new RecordBatchBuilder()
  builder.appendText(1, null, 'value')
  const batch = builder.seal('zstd')
  stampBatch(batch, { producerId: 2 ** 52 + 1, producerEpoch: 32_767, baseSequence: 2 ** 31 - 1, isTransactional: true })
  const first = headerOf(batch.buffer)
  assert.deepEqual(
    [first.producerId, first.producerEpoch, first.baseSequence, first.isTransactional, first.isControl],
    [2 ** 52 + 1, 32_767, 2 ** 31 - 1, true, false],
  )
  stampBatch(batch, { producerId: -1, producerEpoch: -1, baseSequence: -1, isTransactional: false })
  const second = headerOf(batch.buffer)
  assert.deepEqual(
    [second.producerId, second.producerEpoch, second.baseSequence, second.isTransactional, second.compression],
    [-1, -1, -1, false, 'zstd'],
  )
})

test('a batch that is not stamped is refused by its checksum', () => {
  const builder = new RecordBatchBuilder()
  builder.appendText(1, null, 'value')
  assert.throws(
    () => readBatchHeader(builder.seal('none').buffer, 0),
    (error) => isMillraceError(error, 'MR_KAFKA_CORRUPT_BATCH'),
  )
})

test('wrong use of the builder is an assertion and leaves the batch whole', () => {
  const builder = new RecordBatchBuilder()
  assert.throws(() => builder.seal('none'), AssertionError)
  builder.appendText(1, 'key', 'good')
  assert.throws(() => builder.appendText(1, 'kéy中', 'a key that is not latin1'), AssertionError)
  assert.throws(() => builder.appendText(1, 'a long key that is not latin1 中', 'value'), AssertionError)
  assert.throws(() => builder.appendText(1.5, 'key', 'half a millisecond'), AssertionError)
  assert.throws(() => builder.appendText(2 ** 53, 'key', 'beyond'), AssertionError)
  builder.appendText(2, 'key', 'good too')
  const buffer = sealed(builder)
  assert.deepEqual(
    plainRecordsOf(buffer, headerOf(buffer)).map(({ offset, value }) => [offset, Buffer.from(value ?? []).toString()]),
    [
      [0, 'good'],
      [1, 'good too'],
    ],
  )
})
