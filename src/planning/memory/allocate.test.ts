import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { allocate, type Consumer, sumOf, totalGain } from './allocate.ts'
import { anyConsumers, anyShape, consumerOf } from './memory.fixture.ts'

const total = fc.integer({ min: 0, max: 200 })

test('each unit goes to whom it gains most', () => {
  const linear = (name: string, perByte: number, enough: number): Consumer => ({
    name,
    minimumBytes: 2,
    maximumBytes: 100,
    gain: (bytes) => perByte * Math.min(bytes, enough),
  })
  const shares = allocate([linear('a', 1, 10), linear('b', 3, 6), linear('c', 2, 8)], 20, 1)
  assert.deepEqual(Object.fromEntries(shares), { a: 6, b: 6, c: 8 })
  // Nobody gains anything by more: it is shared out to none.
  assert.equal(sumOf(allocate([linear('a', 1, 10)], 50, 1)), 10)
})

test('the sum is kept, and every minimum and maximum', () => {
  fc.assert(
    fc.property(anyConsumers, total, (consumers, total) => {
      const shares = allocate(consumers, total, 1)
      const least = consumers.reduce((sum, { minimumBytes }) => sum + minimumBytes, 0)
      assert.ok(sumOf(shares) <= Math.max(total, least))
      for (const { name, minimumBytes, maximumBytes } of consumers) {
        const bytes = shares.get(name)!
        assert.ok(bytes >= minimumBytes && bytes <= maximumBytes)
      }
    }),
  )
})

test('with more to share out no share becomes smaller', () => {
  fc.assert(
    fc.property(anyConsumers, total, fc.integer({ min: 0, max: 50 }), (consumers, total, more) => {
      const before = allocate(consumers, total, 1)
      const after = allocate(consumers, total + more, 1)
      for (const [name, bytes] of before) assert.ok(after.get(name)! >= bytes, name)
    }),
  )
})

test('no other way of sharing out gains more', () => {
  fc.assert(
    fc.property(anyShape, anyShape, anyShape, fc.integer({ min: 0, max: 60 }), (a, b, c, extra) => {
      const consumers = [a, b, c].map((shape, i) => consumerOf({ ...shape, minimumBytes: 0 }, `c${i}`))
      const best = totalGain(consumers, allocate(consumers, extra, 1))
      for (let x = 0; x <= extra; x++) {
        for (let y = 0; x + y <= extra; y++) {
          const shares = [x, y, extra - x - y].map(
            (bytes, i) => [`c${i}`, Math.min(bytes, consumers[i]!.maximumBytes)] as const,
          )
          assert.ok(totalGain(consumers, new Map(shares)) <= best + 1e-9)
        }
      }
    }),
    { numRuns: 30 },
  )
})
