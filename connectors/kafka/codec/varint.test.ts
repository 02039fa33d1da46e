import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isMillraceError } from '../../../src/common/errors.ts'
import { readVarint, readVarlong, sizeOfVarint, sizeOfVarlong, varintEnd, writeVarint, writeVarlong } from './varint.ts'

const scratch = Buffer.alloc(32)
const int32 = fc.oneof(fc.integer(), fc.integer({ min: -70, max: 70 }))
const safeInteger = fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.integer({ min: -70, max: 70 }))

/** The format by its definition, with BigInt. */
function reference(value: number): Buffer {
  let raw = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n))
  const bytes: number[] = []
  for (; raw >= 0x80n; raw >>= 7n) bytes.push(Number(raw & 0x7fn) | 0x80)
  return Buffer.from([...bytes, Number(raw)])
}

test('an int32 is written as the format says, in the size foretold, and read back', () => {
  fc.assert(
    fc.property(int32, (value) => {
      const end = writeVarint(scratch, 3, value)
      assert.deepEqual(scratch.subarray(3, end), reference(value))
      assert.equal(end - 3, sizeOfVarint(value))
      assert.equal(readVarint(scratch, 3, end), value)
      assert.equal(varintEnd, end)
    }),
    { examples: [[0], [-1], [63], [64], [-64], [-65], [8191], [8192], [2 ** 31 - 1], [-(2 ** 31)]] },
  )
})

test('an int64 within 2^53 is written as the format says, in the size foretold, and read back', () => {
  fc.assert(
    fc.property(safeInteger, (value) => {
      const end = writeVarlong(scratch, 1, value)
      assert.deepEqual(scratch.subarray(1, end), reference(value))
      assert.equal(end - 1, sizeOfVarlong(value))
      assert.equal(readVarlong(scratch, 1, end), value)
      assert.equal(varintEnd, end)
    }),
    { examples: [[0], [-1], [2 ** 31], [-(2 ** 31) - 1], [Number.MAX_SAFE_INTEGER], [Number.MIN_SAFE_INTEGER]] },
  )
})

test('a varint that is cut off by its limit is refused, whatever stands behind', () => {
  fc.assert(
    fc.property(safeInteger, (value) => {
      const end = writeVarlong(scratch, 0, value)
      assert.throws(() => readVarlong(scratch, 0, end - 1), isCorrupt)
      if (end <= 5) assert.throws(() => readVarint(scratch, 0, end - 1), isCorrupt)
    }),
  )
})

test('a varint of too many bytes is refused', () => {
  const endless = Buffer.alloc(32, 0xff)
  assert.throws(() => readVarint(endless, 0, 32), isCorrupt)
  assert.throws(() => readVarlong(endless, 0, 32), isCorrupt)
})

test('an int64 beyond 2^53 is refused, not rounded', () => {
  for (const value of [2n ** 53n, -(2n ** 53n) - 1n, 2n ** 63n - 1n, -(2n ** 63n)]) {
    let raw = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
    let end = 0
    for (; raw >= 0x80n; raw >>= 7n) scratch[end++] = Number(raw & 0x7fn) | 0x80
    scratch[end++] = Number(raw)
    assert.throws(
      () => readVarlong(scratch, 0, end),
      (error) => isMillraceError(error, 'MR_KAFKA_NUMBER_OUT_OF_RANGE'),
    )
  }
})

function isCorrupt(error: unknown): boolean {
  return isMillraceError(error, 'MR_KAFKA_CORRUPT_BATCH')
}
