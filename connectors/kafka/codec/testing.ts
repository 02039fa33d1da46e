/** What the codec's tests share: records as plain objects, arbitrary ones, and batches made of them. */

import { crc32c } from '@node-rs/crc32'
import fc from 'fast-check'
import { ATTRIBUTES_AT, CRC_AT } from './batch-format.ts'
import type { Compression } from './compression.ts'
import { RecordBatchBuilder, stampBatch } from './record-batch-builder.ts'
import { type BatchHeader, decodeRecordHeaders, decodeRecords } from './record-batch-reader.ts'

export interface PlainRecord {
  readonly offset: number
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: ReadonlyArray<{ key: string; value: Uint8Array | null }>
}

const bytes = fc.oneof(
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: 80 }) },
  // Lengths around the steps of a varint: 64 and 8192.
  { weight: 1, arbitrary: fc.constantFrom(63, 64, 8191, 8192, 100_000).map((length) => Buffer.alloc(length, 'value')) },
)
const timestamp = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1_790_000_000_000, max: 1_790_000_100_000 }) },
  { weight: 1, arbitrary: fc.constantFrom(-1, 0, 2 ** 40, 2 ** 52) },
)

/** Records of one batch, at offsets 0, 1, 2 … */
export const plainRecords: fc.Arbitrary<PlainRecord[]> = fc
  .array(
    fc.record({
      timestamp,
      key: fc.option(bytes),
      value: fc.option(bytes),
      headers: fc.array(fc.record({ key: fc.string({ unit: 'grapheme', maxLength: 10 }), value: fc.option(bytes) }), {
        maxLength: 3,
      }),
    }),
    { minLength: 1, maxLength: 20 },
  )
  .map((records) => records.map((record, offset) => ({ ...record, offset })))

export function buildBatch(records: readonly PlainRecord[], compression: Compression): Buffer {
  const builder = new RecordBatchBuilder(64)
  for (const { timestamp, key, value, headers } of records) builder.appendBytes(timestamp, key, value, headers)
  const batch = builder.seal(compression)
  stampBatch(batch, { producerId: 77, producerEpoch: 3, baseSequence: 12, isTransactional: true })
  return batch.buffer
}

export function plainRecordsOf(buffer: Buffer, header: BatchHeader): PlainRecord[] {
  const records = decodeRecords(buffer, header)
  const slice = (start: Int32Array, end: Int32Array, index: number) =>
    (start[index] as number) < 0 ? null : new Uint8Array(records.buffer.subarray(start[index], end[index]))
  return Array.from({ length: records.count }, (_, index) => ({
    offset: records.offsets[index] as number,
    timestamp: records.timestamps[index] as number,
    key: slice(records.keyStart, records.keyEnd, index),
    value: slice(records.valueStart, records.valueEnd, index),
    headers: decodeRecordHeaders(records, index).map(({ key, value }) => ({ key, value: value && new Uint8Array(value) })),
  }))
}

/** The checksum made to fit again, so that what was changed on purpose is looked at. */
export function restampCrc(batch: Buffer): void {
  batch.writeUInt32BE(crc32c(batch.subarray(ATTRIBUTES_AT)), CRC_AT)
}
