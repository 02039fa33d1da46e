import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ByteWriter } from '../common/byte-writer.ts'
import { isMillraceError } from '../common/errors.ts'
import { messagePack } from './codecs.ts'
import { RowDecoder } from './row-decoder.ts'
import { RowEncoder } from './row-encoder.ts'
import { MAX_SHAPES } from './row-format.ts'
import { fastReader, slowReader } from './row-reader.ts'

/** The values of one frame. */
function write(encoder: RowEncoder, values: readonly unknown[]): Buffer[] {
  encoder.begin()
  return values.map((value) => {
    const out = new ByteWriter(8)
    encoder.encode(value, out)
    return Buffer.from(out.written())
  })
}

function read(decoder: RowDecoder, values: readonly Buffer[]): unknown[] {
  decoder.begin()
  return values.map((bytes) => {
    // What stands around a value is none of it.
    const around = Buffer.concat([Buffer.from([0x8a, 1]), bytes, Buffer.from([0xc5, 0xff, 1, 2])])
    return decoder.decode(around, 2, 2 + bytes.length)
  })
}

function byMessagePack(value: unknown): unknown {
  const out = new ByteWriter()
  messagePack.encode(value, out)
  return messagePack.decode(out.buffer, 0, out.position)
}

/** As MessagePack has texts and numbers: it writes -0 as 0, and half a surrogate pair as U+FFFD, thrice or once. Rows keep both. */
function lessExact(value: unknown): unknown {
  if (typeof value === 'number') return value + 0
  if (typeof value === 'string') return value.replace(/[\ud800-\udfff\ufffd]+/g, '\ufffd')
  if (Array.isArray(value)) return value.map(lessExact)
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [lessExact(key), lessExact(field)]))
}

/** Deeply equal, -0 told from 0, and every list of keys in order. */
function assertSame(actual: unknown, expected: unknown): void {
  assert.deepStrictEqual(actual, expected)
  assert.deepStrictEqual(keysWithin(actual), keysWithin(expected))
}

function keysWithin(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return 0
  return Object.entries(value).map(([key, field]) => [key, keysWithin(field)])
}

const text = fc.oneof(
  fc.string({ maxLength: 200 }),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 300 }),
)
const number = fc.oneof(
  fc.integer({ min: -300, max: 70_000 }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.constantFrom(0, -0, 63, 64, 255, 256, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, 2 ** 32),
)
const scalar = fc.oneof(text, number, fc.boolean(), fc.constantFrom(null, undefined, Number.NaN, 1 / 0, -1 / 0))
const anything = fc.anything({ withDate: true, withBigInt: true, withMap: true, withSet: true, withNullPrototype: true })
const key = fc.oneof(
  fc.constantFrom(
    'a',
    'b',
    'c',
    'é',
    'ž',
    '7',
    '1',
    '',
    '__proto__',
    'constructor',
    'toJSON',
    'hasOwnProperty',
    '"\\\n\u2028`$',
  ),
  fc.string({ maxLength: 40 }),
)
const flat = fc.dictionary(fc.constantFrom('id', 'name', 'at', 'ok', '2', '10', 'ž'), scalar)
const mixed = fc.dictionary(key, fc.oneof({ weight: 4, arbitrary: scalar }, { weight: 1, arbitrary: anything }), { maxKeys: 8 })

test('values come out as MessagePack has them, order of keys included, in frame after frame', () => {
  const encoder = new RowEncoder()
  const decoder = new RowDecoder()
  fc.assert(
    fc.property(fc.array(fc.oneof(flat, flat, mixed, anything), { maxLength: 40 }), (values) => {
      const expected = values.map(carried)
      const sendable = values.filter((_, i) => expected[i] !== undefined)
      assertSame(
        lessExact(read(decoder, write(encoder, sendable))),
        lessExact(expected.filter((one) => one !== undefined).map((one) => one.value)),
      )
    }),
    { numRuns: 400 },
  )
})

test('objects of scalars come out as they were, -0 and halves of surrogate pairs included', () => {
  const utf16 = fc.string({
    unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
    maxLength: 200,
  })
  const plain = fc.dictionary(fc.constantFrom('id', 'name', 'at', 'ok', '2', '10', 'ž'), fc.oneof(scalar, utf16), {
    noNullPrototype: true,
  })
  fc.assert(
    fc.property(fc.array(plain, { maxLength: 40 }), (values) => {
      assertSame(read(new RowDecoder(), write(new RowEncoder(), values)), values)
    }),
    { numRuns: 400 },
  )
})

/** Undefined: MessagePack refuses it. */
function carried(value: unknown): { readonly value: unknown } | undefined {
  try {
    return { value: byMessagePack(value) }
  } catch {
    return undefined
  }
}

test('rows of one shape are read the same before and after their reader is compiled, and share a hidden class', () => {
  const rows = Array.from({ length: 200 }, (_, i) => ({
    id: i * 1_000,
    '0': i / 3,
    name: 'x'.repeat(i),
    wide: `ž${i}`,
    ok: i % 2 === 0,
    tags: [i],
    at: new Date(i),
    big: BigInt(i) ** 20n,
    n: i % 3 ? null : undefined,
  }))
  assertSame(read(new RowDecoder(), write(new RowEncoder(), rows)), rows)
})

test('what a value refers to twice is one value again', () => {
  const shared = { n: 1 }
  const [value] = read(new RowDecoder(), write(new RowEncoder(), [{ id: 1, a: shared, b: [shared] }]))
  const { a, b } = value as { a: unknown; b: unknown[] }
  assert.equal(a, b[0])
})

test('a value that holds itself is written whole', () => {
  const circle: Record<string, unknown> = { id: 1 }
  circle.list = [{ up: circle }]
  assert.deepEqual(
    write(new RowEncoder(), [circle]).map((bytes) => bytes[0]),
    [0],
  )
})

test('objects that are not plain, accessors, hidden and symbol keys, holes: as in MessagePack', () => {
  class Point {
    x = 1
    y = { z: -0 }
  }
  const hidden = Object.defineProperty({ a: 1 }, 'b', { value: 2, enumerable: false })
  const values = [
    new Point(),
    Object.create(null, { a: { value: 1, enumerable: true } }),
    Object.create({ inherited: 1 }, { own: { value: 2, enumerable: true } }),
    {
      get a() {
        return 'got'
      },
      b: 1,
    },
    hidden,
    { [Symbol('s')]: 1, a: 2 },
    JSON.parse('{"__proto__": {"x": 1}, "a": 1}'),
    { constructor: 'c', a: 1 },
    { toJSON: 1, a: 1 },
    { list: Object.assign([1], { 2: 3 }) }, // with a hole
    { nested: new Point(), at: new Date(5), map: new Map([['k', 1]]), bytes: new Uint8Array([1, 2]) },
    { long: 'l'.repeat(100_000), short: 's' },
    Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${i}`, i])),
    {},
    undefined,
  ]
  assertSame(read(new RowDecoder(), write(new RowEncoder(), values)), values.map(byMessagePack))
  assert.equal(({} as { x?: number }).x, undefined)
})

test('text keeps halves of surrogate pairs', () => {
  const values = [{ a: '\ud800', b: `${'x'.repeat(40)}\udc00`, '\ud801': 1 }]
  assertSame(read(new RowDecoder(), write(new RowEncoder(), values)), values)
})

test('more shapes than a frame may have, and than an encoder knows', () => {
  const encoder = new RowEncoder()
  const decoder = new RowDecoder()
  const ofShape = (shape: number) => ({ [`key ${shape}`]: shape, common: 'c' })
  const many = Array.from({ length: 4 * MAX_SHAPES }, (_, i) => ofShape(i % (2 * MAX_SHAPES)))
  const written = write(encoder, many)
  assertSame(read(decoder, written), many)
  assert.deepEqual(
    written.map((bytes) => bytes[0]! > 0),
    many.map((_, i) => i % (2 * MAX_SHAPES) < MAX_SHAPES),
  )
  // Ever new keys, until what was known is forgotten, within one frame and over frames.
  for (let from = 0; from < 5_000; from += 500) {
    const values = Array.from({ length: 500 }, (_, i) => ofShape(1_000 + from + i))
    assertSame(read(decoder, write(encoder, values)), values)
  }
  const after = Array.from({ length: 10 }, () => ({ id: 1, name: 'n' }))
  for (let round = 0; round < 200; round++) write(encoder, after)
  assert.ok(write(encoder, after)[5]![0]! > 0, 'what comes often is a row again')
})

test('a value that cannot be written leaves nothing in its frame', () => {
  const encoder = new RowEncoder()
  const failing = {
    a: 1,
    get b(): number {
      throw new TypeError('no')
    },
  }
  const out = new ByteWriter()
  encoder.begin()
  assert.throws(() => encoder.encode(failing, out), TypeError)
  out.reset()
  assert.throws(() => encoder.encode({ a: 1, b: Symbol('s') }, out))
  out.reset()
  encoder.encode({ a: 1, b: 2 }, out)
  const decoder = new RowDecoder()
  decoder.begin()
  assert.deepEqual(decoder.decode(out.buffer, 0, out.position), { a: 1, b: 2 })
})

test('a frame needs no other', () => {
  const encoder = new RowEncoder()
  write(encoder, [{ x: 1 }, { y: 1 }])
  const frame = write(encoder, [{ y: 2 }, { x: 2 }, { y: 3 }])
  assertSame(read(new RowDecoder(), frame), [{ y: 2 }, { x: 2 }, { y: 3 }])
})

test('a small object takes its texts and a few bytes', () => {
  const [first, second] = write(new RowEncoder(), [
    { id: 12_345, status: 'paid', ok: true },
    { id: 5, status: 'open', ok: true },
  ])
  assert.equal(first!.length, 1 + 2 + 3 + 7 + 3 + 3 + 5 + 1)
  assert.equal(second!.length, 1 + 1 + 5 + 1)
})

test('the generated reader and the loop are one', () => {
  const keys = ['a', '1', 'b"\\\u2028', 'c']
  const fast = fastReader(keys)!
  const slow = slowReader(keys)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const buffer = Buffer.from(bytes)
      assert.deepStrictEqual(
        outcome(() => fast(buffer, 0, buffer.length)),
        outcome(() => slow(buffer, 0, buffer.length)),
      )
    }),
    { numRuns: 1_000 },
  )
})

function outcome(run: () => unknown): unknown {
  try {
    return run()
  } catch (error) {
    return String(error)
  }
}

test('damaged values are refused, or read as something: nothing else is thrown', () => {
  const encoder = new RowEncoder()
  const decoder = new RowDecoder()
  const change = fc.tuple(fc.nat(), fc.nat(), fc.nat(255))
  fc.assert(
    fc.property(
      fc.array(mixed, { minLength: 1, maxLength: 6 }),
      fc.array(change, { maxLength: 4 }),
      fc.nat(),
      (values, changes, cut) => {
        const frame = write(
          encoder,
          values.filter((value) => carried(value) !== undefined),
        )
        if (frame.length === 0) return
        for (const [which, at, byte] of changes) {
          const bytes = frame[which % frame.length]!
          bytes[at % bytes.length] = byte
        }
        if (cut % 3 === 0) frame[0] = frame[0]!.subarray(0, cut % (frame[0]!.length + 1))
        refusedOrRead(decoder, frame)
      },
    ),
    { numRuns: 1_000 },
  )
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 }), (values) => {
      refusedOrRead(
        decoder,
        values.map((bytes) => Buffer.from(bytes)),
      )
    }),
    { numRuns: 1_000 },
  )
})

function refusedOrRead(decoder: RowDecoder, frame: readonly Buffer[]): void {
  try {
    read(decoder, frame)
  } catch (error) {
    assert.ok(isMillraceError(error, 'MR_EXCHANGE_FRAME_DAMAGED'), String(error))
  }
}
