import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeOrderedNumber, encodeOrderedNumber } from './ordered-number.ts'

const number = fc.oneof(fc.double({ noNaN: true }), fc.integer(), fc.constantFrom(0, -0, Infinity, -Infinity, 5e-324, -5e-324))

test('the bytes of numbers stand in the order of the numbers, and give them back', () => {
  fc.assert(
    fc.property(number, number, (a, b) => {
      const [first, second] = [encodeOrderedNumber(a), encodeOrderedNumber(b)]
      assert.equal(first < second, a < b)
      assert.equal(first === second, a === b)
      assert.ok(decodeOrderedNumber(first) === a)
    }),
    { numRuns: 5_000 },
  )
})
