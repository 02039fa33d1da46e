/**
 * What a record costs on its way through an exchange, apart from Kafka: `node bench/micro/exchange-frame.ts`. Nanoseconds
 * a record, for a small object under keys of 11 or 12 chars, 500 records a frame: value codec and frame, each way; then
 * four frames as a record batch. The median of many rounds, and the tenth percentile, which other work on the machine disturbs less.
 */
import { COMPRESSIONS } from '../../connectors/kafka/codec/compression.ts'
import { RecordBatchBuilder, stampBatch } from '../../connectors/kafka/codec/record-batch-builder.ts'
import { decodeRecords, readBatchHeader } from '../../connectors/kafka/codec/record-batch-reader.ts'
import type { ByteWriter } from '../../src/common/byte-writer.ts'
import { latin1Slice, utf8Slice } from '../../src/common/bytes.ts'
import { RecordsFrameDecoder, RecordsFrameEncoder } from '../../src/records/records-frame.ts'
import { messagePack } from '../../src/state/codecs.ts'
import { RowDecoder } from '../../src/state/row-decoder.ts'
import { RowEncoder } from '../../src/state/row-encoder.ts'
import { measure } from './measure.ts'

const RECORDS_A_FRAME = 500
const FRAMES_A_BATCH = 4

interface Codec {
  /** Before each frame. */
  begin?(): void
  encode(value: unknown, out: ByteWriter): void
  decode(buffer: Buffer, start: number, end: number): unknown
}

const json: Codec = {
  encode(value, out) {
    const text = JSON.stringify(value)
    const at = out.reserve(3 * text.length)
    out.position = at + out.buffer.write(text, at)
  },
  decode: (buffer, start, end) => JSON.parse(utf8Slice(buffer, start, end)),
}
const rowEncoder = new RowEncoder()
const rowDecoder = new RowDecoder()
const row: Codec = {
  begin() {
    rowEncoder.begin()
    rowDecoder.begin()
  },
  encode: (value, out) => rowEncoder.encode(value, out),
  decode: (buffer, start, end) => rowDecoder.decode(buffer, start, end),
}
/** What the frame itself costs. */
const bytes = Buffer.from(JSON.stringify(order(1)))
const nothing: Codec = { encode: (_value, out) => out.bytes(bytes), decode: (_buffer, start) => start }

const encoder = new RecordsFrameEncoder()
const decoder = new RecordsFrameDecoder()
/** All different, as far as small numbers are: what compression finds alike is their form. */
const orders = Array.from({ length: FRAMES_A_BATCH * RECORDS_A_FRAME }, (_, i) => order(Math.imul(i, 2_654_435_761) >>> 0))
const keys = orders.map(({ account }) => account)
let checkSum = 0 // used, so that no work is optimised away

function order(id: number) {
  const cents = id % 10_000
  return {
    id,
    account: `account${1000 + (id % 100_000)}`,
    amount: cents / 100,
    status: cents % 3 ? 'paid' : 'open',
    at: 1_790_000_000_000 + cents,
  }
}

function encode(codec: Codec, from = 0): Buffer {
  codec.begin?.()
  for (let i = from; i < from + RECORDS_A_FRAME; i++) encoder.add(keys[i]!, 1_790_000_000_000 + 3 * i, codec, orders[i])
  const { buffer, start, end } = encoder.finish()
  return buffer.subarray(start, end)
}

function decode(codec: Codec, frame: Buffer): void {
  codec.begin?.()
  const { count, buffer, keyStarts, keyEnds, valueStarts, valueEnds, timestamps } = decoder.decode(frame, 0, frame.length)
  for (let i = 0; i < count; i++) {
    checkSum += latin1Slice(buffer, keyStarts[i]!, keyEnds[i]!).length + timestamps[i]!
    if (codec.decode(buffer, valueStarts[i]!, valueEnds[i]!) !== undefined) checkSum++
  }
}

console.log(`node ${process.version}, JSON of ${bytes.length} bytes; ns/record: median, 10th percentile`)
for (const [name, codec] of Object.entries({ 'frame alone': nothing, row, msgpack: messagePack, json })) {
  const frame = Buffer.from(encode(codec))
  await measure(
    `encode, ${name}`,
    RECORDS_A_FRAME,
    () => encode(codec),
    `${(frame.length / RECORDS_A_FRAME).toFixed(1)} bytes/record`,
  )
  await measure(`decode, ${name}`, RECORDS_A_FRAME, () => decode(codec, frame))
}
// How a frame then fares in a record batch, which has one record a frame.
const builder = new RecordBatchBuilder()
for (const [name, codec] of Object.entries({ row, msgpack: messagePack, json })) {
  const frames = Array.from({ length: FRAMES_A_BATCH }, (_, i) => Buffer.from(encode(codec, i * RECORDS_A_FRAME)))
  for (const compression of COMPRESSIONS) {
    const seal = () => {
      for (const frame of frames) builder.appendBytes(0, null, frame)
      const batch = builder.seal(compression)
      stampBatch(batch, { producerId: 1, producerEpoch: 0, baseSequence: 0, isTransactional: false })
      return batch
    }
    const batch = seal()
    const note = `${(batch.buffer.length / orders.length).toFixed(1)} bytes/record`
    await measure(`batch of ${name} frames, ${compression}`, orders.length, seal, note)
    await measure(`batch of ${name} frames read, ${compression}`, orders.length, () => {
      const header = readBatchHeader(batch.buffer, 0)
      if (header === null) throw new Error('the batch is whole')
      checkSum += decodeRecords(batch.buffer, header).count
    })
  }
}
if (checkSum === 0) throw new Error('nothing was decoded')
