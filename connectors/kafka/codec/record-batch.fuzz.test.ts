/** Whatever stands in the bytes: an error of ours, or records that lie inside their buffer. Never another throw, never a hang. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isMillraceError } from '../../../src/common/errors.ts'
import { BATCH_HEADER_BYTES, BATCH_LENGTH_AT, MAGIC, MAGIC_AT } from './batch-format.ts'
import { COMPRESSIONS } from './compression.ts'
import { decodeRecordHeaders, decodeRecords, readBatchHeader, readControlRecord } from './record-batch-reader.ts'
import { buildBatch, plainRecords, restampCrc } from './testing.ts'

const MAX_BYTES = 1_000_000

/** Answers how many records were found, for tests that want some to be. */
function readAll(buffer: Buffer, verifyCrc: boolean): number {
  let found = 0
  try {
    for (let at = 0; ; ) {
      const header = readBatchHeader(buffer, at, { verifyCrc })
      if (header === null) return found
      assert.ok(header.byteLength >= BATCH_HEADER_BYTES, 'every batch brings the reader on')
      const records = decodeRecords(buffer, header, MAX_BYTES)
      found += records.count
      let end = -1
      const inside = (start: number, stop: number) => {
        if (start === -1) return assert.equal(stop, -1)
        assert.ok(start >= end && start <= stop && stop <= records.buffer.length, 'a slice inside its buffer, in order')
        end = stop
      }
      for (let index = 0; index < records.count; index++) {
        inside(records.keyStart[index] as number, records.keyEnd[index] as number)
        inside(records.valueStart[index] as number, records.valueEnd[index] as number)
        assert.ok(Number.isSafeInteger(records.offsets[index]) && Number.isSafeInteger(records.timestamps[index]))
        assert.equal(decodeRecordHeaders(records, index).length, records.headersCount[index])
      }
      if (header.isControl) readControlRecord(buffer, header)
      at += header.byteLength
    }
  } catch (error) {
    assert.ok(isMillraceError(error), String(error instanceof Error ? error.stack : error))
    return found
  }
}

test('random bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, verifyCrc) => {
      readAll(Buffer.from(bytes), verifyCrc)
    }),
    { numRuns: 2000 },
  )
})

test('random bytes behind a believable beginning', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: BATCH_HEADER_BYTES, maxLength: 300 }), (bytes) => {
      const buffer = Buffer.from(bytes)
      buffer.writeInt32BE(0, 0)
      buffer.writeInt32BE(buffer.length - 12, BATCH_LENGTH_AT)
      buffer[MAGIC_AT] = MAGIC
      restampCrc(buffer)
      readAll(buffer, true)
    }),
    { numRuns: 2000 },
  )
})

for (const compression of COMPRESSIONS) {
  test(`${compression}: changed bytes of a good batch`, () => {
    const change = fc.record({ place: fc.double({ min: 0, max: 1, noNaN: true }), value: fc.nat(255) })
    const changes = fc.array(change, { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(plainRecords, changes, fc.boolean(), fc.boolean(), (records, edits, inHeader, restamp) => {
        const batch = buildBatch(records, compression)
        const range = inHeader ? BATCH_HEADER_BYTES : batch.length
        for (const { place, value } of edits) batch[Math.floor(place * (range - 1))] = value
        if (restamp) restampCrc(batch)
        readAll(batch, restamp)
      }),
      { numRuns: 600 },
    )
  })
}

test('batches behind one another are all read', () => {
  fc.assert(
    fc.property(
      fc.array(plainRecords, { maxLength: 4 }),
      fc.constantFrom(...COMPRESSIONS),
      fc.nat(40),
      (batches, compression, cut) => {
        const whole = batches.map((records) => buildBatch(records, compression))
        const partial = buildBatch([{ offset: 0, timestamp: 0, key: null, value: null, headers: [] }], compression).subarray(
          0,
          cut,
        )
        const expected = batches.reduce((sum, records) => sum + records.length, 0)
        assert.equal(readAll(Buffer.concat([...whole, partial]), true), expected)
      },
    ),
    { numRuns: 100 },
  )
})
