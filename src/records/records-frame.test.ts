import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ByteWriter } from '../common/byte-writer.ts'
import { latin1Slice } from '../common/bytes.ts'
import { isMillraceError } from '../common/errors.ts'
import { frameKind } from './exchange-frame.ts'
import { RecordsFrameDecoder, RecordsFrameEncoder } from './records-frame.ts'

interface Row {
  readonly key: string
  readonly timestamp: number
  readonly value: Uint8Array
}

const asItIs = { encode: (value: Uint8Array, out: ByteWriter) => out.bytes(value) }
const latin1 = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 200 })
const rows = fc.array(
  fc.record<Row>({
    key: latin1,
    timestamp: fc.oneof(
      fc.integer({ min: 1_790_000_000_000, max: 1_790_000_000_100 }),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.constantFrom(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 2 ** 51, -(2 ** 51), 2 ** 51 + 1),
    ),
    value: fc.uint8Array({ maxLength: 300 }),
  }),
  { maxLength: 150 },
)

function encode(encoder: RecordsFrameEncoder, records: readonly Row[]): Buffer {
  for (const { key, timestamp, value } of records) encoder.add(key, timestamp, asItIs, value)
  const { buffer, start, end } = encoder.finish()
  return Buffer.from(buffer.subarray(start, end))
}

function decode(decoder: RecordsFrameDecoder, frame: Buffer, start = 0, end = frame.length): Row[] {
  const { count, buffer, keyStarts, keyEnds, valueStarts, valueEnds, timestamps } = decoder.decode(frame, start, end)
  return Array.from({ length: count }, (_, i) => ({
    key: latin1Slice(buffer, keyStarts[i]!, keyEnds[i]!),
    timestamp: timestamps[i]!,
    value: new Uint8Array(buffer.subarray(valueStarts[i], valueEnds[i])),
  }))
}

/** -0 is 0 in a frame. */
function plain(records: readonly Row[]): Row[] {
  return records.map((row) => ({ ...row, timestamp: row.timestamp + 0, value: new Uint8Array(row.value) }))
}

test('records come out as they went in, frame after frame from the same encoder and decoder', () => {
  const encoder = new RecordsFrameEncoder(16)
  const decoder = new RecordsFrameDecoder()
  fc.assert(
    fc.property(rows, (records) => {
      const frame = encode(encoder, records)
      assert.equal(frameKind(frame, 0, frame.length), 'records')
      assert.deepEqual(decode(decoder, frame), plain(records))
      const framed = Buffer.concat([Buffer.from('before'), frame, Buffer.from('behind')])
      assert.deepEqual(decode(decoder, framed, 6, 6 + frame.length), plain(records))
    }),
  )
})

test('a value is written piece by piece between begin and end', () => {
  const encoder = new RecordsFrameEncoder()
  for (let i = 0; i < 200; i++) {
    encoder.begin(`key ${i}`, i * 1_000)
    for (let piece = 0; piece < i; piece++) encoder.out.bytes(Buffer.from('piece'))
    encoder.end()
  }
  assert.equal(encoder.count, 200)
  const { buffer, start, end } = encoder.finish()
  const read = decode(new RecordsFrameDecoder(), buffer, start, end)
  assert.deepEqual(
    read.map(({ key, timestamp, value }) => [key, timestamp, value.length]),
    Array.from({ length: 200 }, (_, i) => [`key ${i}`, i * 1_000, 5 * i]),
  )
})

test('a record whose value cannot be encoded leaves the frame as it was', () => {
  const encoder = new RecordsFrameEncoder()
  const failing = {
    encode(_value: unknown, out: ByteWriter) {
      out.bytes(Buffer.alloc(1_000, 'x'))
      throw new TypeError('not encodable')
    },
  }
  encoder.add('a', 1, asItIs, Buffer.from('first'))
  assert.throws(() => encoder.add('b', 2, failing, {}), TypeError)
  const before = encoder.byteLength
  encoder.add('c', 3, asItIs, Buffer.from('third'))
  assert.ok(encoder.byteLength > before)
  const { buffer, start, end } = encoder.finish()
  assert.deepEqual(
    decode(new RecordsFrameDecoder(), buffer, start, end).map(({ key, value }) => key + Buffer.from(value)),
    ['afirst', 'cthird'],
  )
})

test('what was added can be forgotten', () => {
  const encoder = new RecordsFrameEncoder()
  encoder.add('a', 1, asItIs, Buffer.from('first'))
  encoder.reset()
  assert.equal(encoder.count, 0)
  assert.deepEqual(decode(new RecordsFrameDecoder(), encode(encoder, [])), [])
})

test('a record of a small object near the others takes three bytes besides its key and value', () => {
  const records = Array.from({ length: 100 }, (_, i) => ({
    key: 'k',
    timestamp: 1_790_000_000_000 + 7 * i,
    value: Buffer.from('v'),
  }))
  assert.equal(encode(new RecordsFrameEncoder(), records).length, 9 + 100 * 2 + 100 * 3 + 5)
})

test('a key that is no binary string, or a time that is no integer, is a bug', () => {
  const encoder = new RecordsFrameEncoder()
  assert.throws(() => encoder.begin('ž', 0), /invariant broken/)
  assert.throws(() => encoder.begin('ž'.repeat(40), 0), /invariant broken/)
  assert.throws(() => encoder.begin('k', 0.5), /invariant broken/)
})

test('damaged frames are refused, or hold records that could have been written: never a hang or arrays beyond the frame', () => {
  const encoder = new RecordsFrameEncoder()
  const spoilt = fc.tuple(rows, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 }), fc.nat())
  fc.assert(
    fc.property(spoilt, ([records, changes, cut]) => {
      const whole = encode(encoder, records)
      const frame = cut % 3 === 0 ? whole.subarray(0, cut % (whole.length + 1)) : whole
      for (const [at, byte] of changes) if (frame.length > 0) frame[at % frame.length] = byte
      refusedOrPlausible(frame)
    }),
    { numRuns: 500 },
  )
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => refusedOrPlausible(Buffer.from(bytes))))
})

test('lengths and counts that a frame cannot hold allocate nothing', () => {
  const decoder = new RecordsFrameDecoder()
  const frame = Buffer.alloc(9)
  frame[0] = 0x11
  frame.writeUInt32BE(0xffffffff, 1)
  assert.throws(() => decoder.decode(frame, 0, 9), damaged)
  frame.writeUInt32BE(0xffffffff, 5)
  assert.throws(() => decoder.decode(frame, 0, 9), damaged)
  assert.equal(decoder.timestamps.length, 64)
})

function refusedOrPlausible(frame: Buffer): void {
  const decoder = new RecordsFrameDecoder()
  try {
    const records = decode(decoder, frame)
    for (const { timestamp } of records) assert.ok(Number.isSafeInteger(timestamp))
  } catch (error) {
    assert.ok(damaged(error), String(error))
    assert.equal(decoder.count, 0)
  }
  assert.ok(decoder.timestamps.length <= Math.max(128, frame.length))
}

function damaged(error: unknown): boolean {
  return isMillraceError(error, 'MR_EXCHANGE_FRAME_DAMAGED')
}
