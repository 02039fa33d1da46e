/**
 * The record-batch codec against Kafka's own: what Java writes we decode to the same records, what we write Java reads,
 * and its log dump tool finds every batch valid. No broker is needed: these are the classes that client and broker use.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { BASE_OFFSET_AT, CRC_AT, writeInt64 } from '../../connectors/kafka/codec/batch-format.ts'
import { COMPRESSIONS, type Compression } from '../../connectors/kafka/codec/compression.ts'
import { RecordBatchBuilder, type SealedBatch, stampBatch } from '../../connectors/kafka/codec/record-batch-builder.ts'
import { readBatchHeader, readControlRecord } from '../../connectors/kafka/codec/record-batch-reader.ts'
import { type PlainRecord, plainRecords, plainRecordsOf } from '../../connectors/kafka/codec/testing.ts'
import { isMillraceError } from '../../src/common/errors.ts'
import { murmur2, murmur2Latin1, partitionForKey } from '../../src/common/murmur2.ts'
import {
  type DescribedBatch,
  type DescribedRecord,
  describeWithJava,
  dumpLogSegment,
  hashWithJava,
  writeWithJava,
} from './kafka-record-batches.ts'

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-record-batch-'))
})
after(() => rm(folder, { recursive: true, force: true }))

/** As RecordBatches.java shows bytes. */
function shown(bytes: Uint8Array | null): string | null {
  if (bytes === null) return null
  if (bytes.length <= 500) return Buffer.from(bytes).toString('hex')
  return `${bytes.length} bytes, sha256 ${createHash('sha256').update(bytes).digest('hex')}`
}

function shownRecord({ offset, timestamp, key, value, headers }: PlainRecord): DescribedRecord {
  const shownHeaders = headers.map((header) => ({ key: header.key, value: shown(header.value) }))
  return { offset, timestamp, key: shown(key), value: shown(value), headers: shownHeaders }
}

/** What our reader finds, in Java's words. */
function describe(buffer: Buffer): DescribedBatch[] {
  const batches: DescribedBatch[] = []
  for (let at = 0; at < buffer.length; ) {
    const header = readBatchHeader(buffer, at)
    assert.ok(header !== null, 'no batch is cut off')
    const { at: _, baseTimestamp: __, ...rest } = header
    const records = plainRecordsOf(buffer, header).map(shownRecord)
    batches.push({ ...rest, ...(header.isControl ? { control: javaControl(readControlRecord(buffer, header)) } : {}), records })
    at += header.byteLength
  }
  return batches
}

function javaControl(kind: 'abort' | 'commit' | 'other'): string {
  return kind === 'other' ? 'LEADER_CHANGE' : kind.toUpperCase()
}

test('batches written by Kafka decode to what Kafka reads in them', async () => {
  const path = join(folder, 'java.batches')
  await writeWithJava(path, 'write')
  const { batches: expected, withDeleteHorizon } = await describeWithJava(path)
  const found = describe(await readFile(path))

  assert.equal(found.length, expected.length)
  for (const [index, batch] of expected.entries()) assert.deepEqual(found[index], batch, `batch ${index}`)
  // What the file must hold for this to prove anything.
  assert.deepEqual([...new Set(expected.map((batch) => batch.compression))].sort(), [...COMPRESSIONS].sort())
  const some = (what: string, has: (batch: DescribedBatch) => boolean) => assert.ok(expected.some(has), what)
  some('log append time', (batch) => batch.timestampType === 'append')
  some('transactional', (batch) => batch.isTransactional && !batch.isControl)
  some(
    'compacted with gaps',
    ({ recordCount, lastOffset, baseOffset }) => recordCount > 0 && recordCount <= lastOffset - baseOffset,
  )
  some('compacted to nothing', (batch) => batch.recordCount === 0)
  for (const type of ['COMMIT', 'ABORT', 'LEADER_CHANGE']) some(type, (batch) => batch.control === type)
  for (const compression of COMPRESSIONS) {
    const records = expected.filter((batch) => batch.compression === compression).flatMap((batch) => batch.records)
    assert.ok(
      records.some((record) => record.headers.some((header) => header.value === null)),
      'a header without value',
    )
    assert.ok(records.some((record) => record.key === null && record.value === null))
    assert.ok(
      records.some((record) => record.value?.includes('sha256')),
      'a long value',
    )
  }
  assert.ok(withDeleteHorizon > 0)
})

test('a batch of the format from before Kafka 0.11 is refused by name', async () => {
  const path = join(folder, 'old.batches')
  await writeWithJava(path, 'write-old')
  const old = await readFile(path)
  assert.throws(
    () => readBatchHeader(old, 0),
    (error) => isMillraceError(error, 'MR_KAFKA_OLD_MESSAGE_FORMAT'),
  )
})

interface Written {
  readonly buffer: Buffer
  readonly expected: DescribedBatch[]
}

/** A log segment of our batches, offsets assigned as a broker would, and what Kafka must find in it by what was put in. */
function ourSegment(): Written {
  const buffers: Buffer[] = []
  const expected: DescribedBatch[] = []
  const builder = new RecordBatchBuilder(128)
  let nextOffset = 0
  const add = (batch: SealedBatch, compression: Compression, records: PlainRecord[], isTransactional: boolean) => {
    const producer = isTransactional
      ? { producerId: 2 ** 44 + 5, producerEpoch: 32_767, baseSequence: 2 ** 31 - 1 }
      : { producerId: -1, producerEpoch: -1, baseSequence: -1 }
    stampBatch(batch, { ...producer, isTransactional })
    writeInt64(batch.buffer, BASE_OFFSET_AT, nextOffset) // outside the checksum, for the broker to set
    buffers.push(batch.buffer)
    expected.push({
      baseOffset: nextOffset,
      lastOffset: nextOffset + records.length - 1,
      byteLength: batch.buffer.length,
      partitionLeaderEpoch: -1,
      compression,
      timestampType: 'create',
      isTransactional,
      isControl: false,
      maxTimestamp: Math.max(...records.map((record) => record.timestamp)),
      ...producer,
      recordCount: records.length,
      records: records.map((record) => shownRecord({ ...record, offset: nextOffset + record.offset })),
    })
    nextOffset += records.length
  }

  const samples = fc.sample(plainRecords, { numRuns: 20, seed: 20_261_121 })
  for (const compression of COMPRESSIONS) {
    for (const [index, records] of samples.entries()) {
      for (const { timestamp, key, value, headers } of records) builder.appendBytes(timestamp, key, value, headers)
      add(builder.seal(compression), compression, records, index % 2 === 0)
    }
    const texts = [...Array.from({ length: 300 }, (_, length) => 'x'.repeat(length)), ...UNICODE, '中'.repeat(100_000)]
    const records = texts.map((text, offset) => {
      const timestamp = 1_790_000_000_000 - offset * 1000
      const key = offset % 5 === 0 ? null : `schlüssel ${offset}`
      builder.appendText(timestamp, key, text)
      return { offset, timestamp, key: key === null ? null : Buffer.from(key, 'latin1'), value: Buffer.from(text), headers: [] }
    })
    add(builder.seal(compression), compression, records, true)
  }
  return { buffer: Buffer.concat(buffers), expected }
}

const UNICODE = ['größer', '中文', '🔑'.repeat(70), `${'a'.repeat(62)}é`, `${'a'.repeat(8190)}中`, 'lone \ud800 surrogate']

test('batches of ours are read by Kafka, and found valid by its log dump', async () => {
  const { buffer, expected } = ourSegment()
  const path = join(folder, '00000000000000000000.log')
  await writeFile(path, buffer)
  const { batches } = await describeWithJava(path)
  assert.equal(batches.length, expected.length)
  for (const [index, batch] of expected.entries()) assert.deepEqual(batches[index], batch, `batch ${index}`)

  const dump = await dumpLogSegment(path)
  const lines = dump.split('\n')
  const batchLines = lines.filter((line) => line.startsWith('baseOffset: '))
  assert.equal(batchLines.length, expected.length)
  for (const line of batchLines) assert.match(line, /isvalid: true$/)
  const recordCount = expected.reduce((sum, batch) => sum + batch.recordCount, 0)
  assert.equal(lines.filter((line) => line.startsWith('| offset: ')).length, recordCount)
  // It reports damage and gaps in sentences like "Found 3 invalid bytes" and "Non-consecutive offsets in".
  assert.doesNotMatch(dump, /^(Found|Non-consecutive|Index offset)/m)
})

test('the log dump tells a batch of ours whose checksum is wrong', async () => {
  const { buffer, expected } = ourSegment()
  buffer.writeInt32BE(~buffer.readInt32BE(CRC_AT), CRC_AT)
  const path = join(folder, '00000000000000000000.log')
  await writeFile(path, buffer)
  const verdicts = (await dumpLogSegment(path)).match(/(?<=^baseOffset: .* isvalid: )\w+$/gm)
  assert.deepEqual(verdicts, ['false', ...expected.slice(1).map(() => 'true')])
})

test('keys land on the partition where the Java client puts them', async () => {
  const keys = fc
    .sample(fc.uint8Array({ minLength: 1, maxLength: 60 }), { numRuns: 2000, seed: 20_261_121 })
    .map((key) => Buffer.from(key))
  const path = join(folder, 'keys')
  await writeFile(path, keys.map((key) => `${key.toString('hex')}\n`).join(''))
  const hashed = await hashWithJava(path)
  assert.equal(hashed.length, keys.length)
  for (const [index, key] of keys.entries()) {
    const hash = murmur2(key, 0, key.length)
    assert.deepEqual({ hash, partition: partitionForKey(hash, 12) }, hashed[index], key.toString('hex'))
    assert.equal(murmur2Latin1(key.toString('latin1')), hash)
  }
})
