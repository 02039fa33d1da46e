/**
 * What the record-batch codec costs: `node bench/micro/record-batch.ts`. Nanoseconds a record, for JSON values of about
 * 90 bytes under keys of 10, each line the whole way of one side (checksum and copies included). The median of many
 * rounds, and the tenth percentile, which other work on the machine disturbs less.
 */
import { COMPRESSIONS, type Compression } from '../../connectors/kafka/codec/compression.ts'
import { RecordBatchBuilder, type SealedBatch, stampBatch } from '../../connectors/kafka/codec/record-batch-builder.ts'
import { decodeRecords, readBatchHeader } from '../../connectors/kafka/codec/record-batch-reader.ts'
import { measure } from './measure.ts'

/** Few enough to stay in the processor's cache, as text that has just been made does. */
const DISTINCT = 2_000
const IDENTITY = { producerId: 4711, producerEpoch: 1, baseSequence: 0, isTransactional: true }

const keys = Array.from({ length: DISTINCT }, (_, index) => Buffer.from(`account${1000 + (index % 1000)}`).toString('latin1'))
const ascii = keys.map((account, index) => JSON.stringify(order(account, index)))
const accented = keys.map((account, index) => JSON.stringify({ ...order(account, index), customer: 'Žofie Müller' }))
const asciiBytes = ascii.map((text) => Buffer.from(text))
const builder = new RecordBatchBuilder()
let checkSum = 0 // used, so that no work is optimised away

function order(account: string, id: number) {
  return { id, account, amount: ((id * 31) % 10_000) / 100, status: 'paid', at: 1_790_000_000_000 + id, lines: [1, 2] }
}

function appendText(values: readonly string[], count: number): void {
  for (let index = 0; index < count; index++) {
    builder.appendText(1_790_000_000_000 + index, keys[index % DISTINCT] as string, values[index % DISTINCT] as string)
  }
}

function appendBytes(count: number): void {
  for (let index = 0; index < count; index++) {
    builder.appendBytes(1_790_000_000_000 + index, keys[index % DISTINCT] as string, asciiBytes[index % DISTINCT] as Buffer)
  }
}

function seal(compression: Compression): SealedBatch {
  const batch = builder.seal(compression)
  stampBatch(batch, IDENTITY)
  return batch
}

function decode(batch: SealedBatch, verifyCrc: boolean): void {
  const header = readBatchHeader(batch.buffer, 0, { verifyCrc })
  if (header === null) throw new Error('the batch is whole')
  const records = decodeRecords(batch.buffer, header)
  checkSum += records.valueEnd[records.count - 1] as number
}

console.log(`node ${process.version}, ${asciiBytes[0]?.length} bytes a value; ns/record: median, 10th percentile`)
for (const perBatch of [1, 10, 100, 1000]) {
  appendText(ascii, perBatch)
  const batch = seal('none')
  await measure(`decode, ${perBatch} a batch`, perBatch, () => decode(batch, true))
  await measure(`decode without checksum, ${perBatch} a batch`, perBatch, () => decode(batch, false))
  await measure(`encode text, ${perBatch} a batch`, perBatch, () => {
    appendText(ascii, perBatch)
    seal('none')
  })
}
await measure('append text, without sealing', 1000, () => {
  appendText(ascii, 1000)
  builder.reset()
})
await measure('encode text with accents, 1000 a batch', 1000, () => {
  appendText(accented, 1000)
  seal('none')
})
await measure('encode bytes, 1000 a batch', 1000, () => {
  appendBytes(1000)
  seal('none')
})
for (const compression of COMPRESSIONS) {
  appendText(ascii, 1000)
  const batch = seal(compression)
  const note = `${(batch.buffer.length / 1000).toFixed(1)} bytes/record`
  const encode = () => {
    appendText(ascii, 1000)
    seal(compression)
  }
  await measure(`encode ${compression}, 1000 a batch`, 1000, encode, note)
  await measure(`decode ${compression}, 1000 a batch`, 1000, () => decode(batch, true))
}
if (checkSum === 0) throw new Error('nothing was decoded')
