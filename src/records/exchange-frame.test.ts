import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isMillraceError } from '../common/errors.ts'
import {
  type BarrierFrame,
  decodeBarrier,
  decodeWatermark,
  encodeBarrier,
  encodeWatermark,
  frameKind,
} from './exchange-frame.ts'

const watermarks = fc.oneof(fc.maxSafeInteger(), fc.constantFrom(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY))

/** The frame in the middle of a buffer, as it comes out of a record batch. */
function within(frame: Buffer): [Buffer, number, number] {
  return [Buffer.concat([Buffer.from('before'), frame, Buffer.from('behind')]), 6, 6 + frame.length]
}

test('a barrier comes out as it went in', () => {
  const barriers = fc.record<BarrierFrame>({
    checkpoint: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    kind: fc.constantFrom('periodic', 'final'),
    watermark: watermarks,
  })
  fc.assert(
    fc.property(barriers, (barrier) => {
      const place = within(encodeBarrier(barrier))
      assert.equal(frameKind(...place), 'barrier')
      assert.ok(sameNumbers(Object.values(decodeBarrier(...place)), Object.values(barrier)))
    }),
  )
})

test('a watermark comes out as it went in, before the first record and behind the last one too', () => {
  fc.assert(
    fc.property(watermarks, (watermark) => {
      const place = within(encodeWatermark(watermark))
      assert.equal(frameKind(...place), 'watermark')
      assert.ok(sameNumbers([decodeWatermark(...place)], [watermark]))
    }),
  )
})

test('a frame of another version or kind, or an empty one, is refused by name', () => {
  const known = new Set([0x11, 0x12, 0x13])
  for (let first = 0; first < 256; first++) {
    const frame = Buffer.from([first, 0, 0, 0])
    if (known.has(first)) assert.ok(frameKind(frame, 0, 4))
    else assert.throws(() => frameKind(frame, 0, 4), unknown)
  }
  assert.throws(() => frameKind(Buffer.from([0x11]), 0, 0), unknown)
})

test('a barrier or watermark with other bytes than written is refused, or is one that could have been written', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 24 }), (bytes) => {
      for (const [first, decode] of [
        [0x12, decodeBarrier],
        [0x13, decodeWatermark],
      ] as const) {
        const frame = Buffer.from(bytes)
        frame[0] = first
        try {
          decode(frame, 0, frame.length)
        } catch (error) {
          assert.ok(isMillraceError(error, 'MR_EXCHANGE_FRAME_DAMAGED'), String(error))
        }
      }
    }),
  )
})

function unknown(error: unknown): boolean {
  return isMillraceError(error, 'MR_EXCHANGE_FRAME_UNKNOWN')
}

/** -0 is 0 here. */
function sameNumbers(left: readonly unknown[], right: readonly unknown[]): boolean {
  return left.length === right.length && left.every((value, index) => value === right[index])
}
