import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compressSync as snappyBlock } from 'snappy'
import { isMillraceError } from '../../../src/common/errors.ts'
import { COMPRESSIONS, compress, decompress } from './compression.ts'

const PACKED = COMPRESSIONS.filter((kind) => kind !== 'none')
const isCorrupt = (error: unknown) => isMillraceError(error, 'MR_KAFKA_CORRUPT_BATCH')
const isTooLarge = (error: unknown) => isMillraceError(error, 'MR_KAFKA_BATCH_TOO_LARGE')

/** Bytes of every kind: noise, which no compression shrinks, and runs, which all of them do; over several blocks too. */
const bytes = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 300 }),
  fc
    .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 4000 })), {
      minLength: 1,
      maxLength: 6,
    })
    .map((runs) => Buffer.concat(runs.map(([piece, times]) => Buffer.alloc(piece.length * times, piece)))),
)

for (const kind of COMPRESSIONS) {
  test(`${kind}: what was compressed comes back, at exactly its length as the limit`, () => {
    fc.assert(
      fc.property(bytes, (data) => {
        assert.ok(decompress(kind, compress(kind, data), data.length).equals(data))
      }),
      { numRuns: 200 },
    )
  })

  test(`${kind}: one byte above the limit is refused`, () => {
    fc.assert(
      fc.property(bytes, (data) => {
        fc.pre(data.length > 1)
        const packed = compress(kind, data)
        assert.throws(() => decompress(kind, packed, data.length - 1), isTooLarge)
      }),
      { numRuns: 200 },
    )
  })
}

for (const kind of PACKED) {
  test(`${kind}: a bomb is refused before it is unpacked`, () => {
    const bomb = compress(kind, Buffer.alloc(64 * 1024 * 1024))
    const before = process.memoryUsage()
    assert.throws(() => decompress(kind, bomb, 100_000), isTooLarge)
    const after = process.memoryUsage()
    assert.ok(after.external - before.external < 4 * 1024 * 1024, 'no memory for what was not unpacked')
  })

  test(`${kind}: cut off anywhere it is refused`, () => {
    const packed = compress(kind, Buffer.from('all happy records are alike, '.repeat(20)))
    for (let length = 0; length < packed.length; length++) {
      // A bare block has no end mark but its length: 16 bytes of framing alone are an empty stream to xerial as well.
      if (kind === 'snappy' && length === 16) continue
      assert.throws(() => decompress(kind, packed.subarray(0, length), 1_000_000), isCorrupt, `${length} bytes`)
    }
  })

  test(`${kind}: any bytes are refused or unpacked within the limit`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (data) => {
        assertBounded(() => decompress(kind, data, 10_000), 10_000)
      }),
      { numRuns: 500 },
    )
  })

  test(`${kind}: changed bytes are refused or unpacked within the limit`, () => {
    const packed = compress(kind, Buffer.from('every unhappy record is unhappy in its own way, '.repeat(200)))
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(packed.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), (changes) => {
        const changed = Buffer.from(packed)
        for (const [at, value] of changes) changed[at] = value
        assertBounded(() => decompress(kind, changed, 20_000), 20_000)
      }),
      { numRuns: 1000 },
    )
  })
}

function assertBounded(run: () => Buffer, maxBytes: number): void {
  let result: Buffer
  try {
    result = run()
  } catch (error) {
    assert.ok(isCorrupt(error) || isTooLarge(error), String(error))
    return
  }
  assert.ok(result.length <= maxBytes)
}

test('snappy: a bare block, as librdkafka writes it, is read', () => {
  const data = Buffer.from('value '.repeat(1000))
  assert.ok(decompress('snappy', snappyBlock(data), data.length).equals(data))
  assert.throws(() => decompress('snappy', snappyBlock(data), data.length - 1), isTooLarge)
})

test('snappy: a block that claims gigabytes is refused by its claim', () => {
  const claim = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0x61])
  assert.throws(() => decompress('snappy', claim, 2 ** 33), isCorrupt)
})

test('lz4: a frame without its end mark is refused', () => {
  const packed = compress('lz4', Buffer.from('value '.repeat(1000)))
  assert.throws(() => decompress('lz4', packed.subarray(0, packed.length - 4), 10_000), isCorrupt)
})

test('lz4: bytes behind the frame are ignored, as by the Java client', () => {
  const data = Buffer.from('value '.repeat(1000))
  const packed = Buffer.concat([compress('lz4', data), Buffer.from('behind')])
  assert.ok(decompress('lz4', packed, data.length).equals(data))
})
