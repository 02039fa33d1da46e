import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { systemClock } from '../common/clock.ts'
import { TimeSlice } from '../common/time-slice.ts'
import { sortedOrder } from './sort-keys.ts'

test('orders any keys by their bytes, over many runs', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ unit: 'binary', maxLength: 4 }), { maxLength: 5000, size: 'max' }), async (texts) => {
      const keys = texts.map((text) => Buffer.from(text).toString('latin1'))
      const order = await sortedOrder(keys, new TimeSlice(systemClock))
      const sorted = [...order].map((i) => keys[i]!)
      assert.deepEqual(
        sorted,
        [...keys].sort((a, b) => Buffer.compare(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1'))),
      )
    }),
    { numRuns: 30 },
  )
})
