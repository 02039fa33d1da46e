import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ByteWriter } from '../common/byte-writer.ts'
import { RowDecoder } from './row-decoder.ts'
import { RowEncoder } from './row-encoder.ts'
import { MAX_SHAPES } from './row-format.ts'
import { RowPieceDecoder, RowPieceEncoder } from './row-pieces.ts'

interface Encoder {
  begin(): void
  encode(value: unknown, out: ByteWriter): void
}

function write(encoder: Encoder, values: readonly unknown[]): Buffer[] {
  encoder.begin()
  return values.map((value) => {
    const out = new ByteWriter(8)
    encoder.encode(value, out)
    return Buffer.from(out.written())
  })
}

const anyValue = fc.oneof(
  fc.string(),
  fc.dictionary(
    fc.constantFrom('a', 'b', 'c', 'dé', 'ж'),
    fc.oneof(fc.integer(), fc.string(), fc.array(fc.nat()), fc.constant(null)),
  ),
)

test('rows of some frames, taken apart and put into others, are the same rows', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.array(anyValue), fc.constantFrom(0, 1)), { maxLength: 8 }), (frames) => {
      const encoder = new RowEncoder()
      const pieces = new RowPieceDecoder()
      const outputs = [[], []] as unknown[][]
      const expected = [[], []] as unknown[][]
      const decoder = new RowDecoder()
      for (const [values, output] of frames) {
        const written = write(encoder, values)
        pieces.begin()
        for (const bytes of written) outputs[output]!.push(pieces.decode(bytes, 0, bytes.length))
        decoder.begin()
        for (const bytes of written) expected[output]!.push(decoder.decode(bytes, 0, bytes.length))
      }
      for (const [i, own] of outputs.entries()) {
        decoder.begin()
        const found = write(new RowPieceEncoder(), own).map((bytes) => decoder.decode(bytes, 0, bytes.length))
        assert.deepEqual(found, expected[i])
      }
    }),
  )
})

test('what is no plain data stays as it was written: a map keeps its keys', () => {
  const value = { id: 1, by: new Map([[7, 'seven']]) }
  const [written] = write(new RowEncoder(), [value])
  const piece = new RowPieceDecoder().decode(written!, 0, written!.length)
  assert.deepEqual(write(new RowPieceEncoder(), [piece])[0], written)
})

test('a frame has room for so many shapes; the next one for others', () => {
  const pieces = new RowPieceDecoder()
  const encoder = new RowPieceEncoder()
  const pieceOf = (i: number) => {
    const [bytes] = write(new RowEncoder(), [{ [`field${i}`]: i }])
    pieces.begin()
    return pieces.decode(bytes!, 0, bytes!.length)
  }
  const all = Array.from({ length: MAX_SHAPES }, (_, i) => pieceOf(i))
  assert.ok(all.every((piece) => encoder.hasRoomFor(piece)))
  write(encoder, all)
  assert.ok(encoder.hasRoomFor(pieceOf(0)))
  assert.ok(encoder.hasRoomFor({ definition: null, body: Buffer.alloc(0) }))
  assert.ok(!encoder.hasRoomFor(pieceOf(MAX_SHAPES)))
  encoder.begin()
  assert.ok(encoder.hasRoomFor(pieceOf(MAX_SHAPES)))
})

test('damaged values are refused', () => {
  const pieces = new RowPieceDecoder()
  for (const bytes of [[], [2], [1], [1, 0], [1, 0, 5, 1], [1, 0xff, 0xff]]) {
    pieces.begin()
    assert.throws(() => pieces.decode(Buffer.from(bytes), 0, bytes.length), { code: 'MR_EXCHANGE_FRAME_DAMAGED' })
  }
})
