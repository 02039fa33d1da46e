import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { changedKeys, updatesThatChanged } from './changed-keys.ts'

const keys = fc.integer({ min: 1, max: 100_000_000 })
const updates = fc.integer({ min: 0, max: 1e9 })

test('few updates change about as many keys; as many as there are keys change 63 % of them', () => {
  assert.ok(Math.abs(changedKeys(20_000_000, 1_000) - 1_000) < 0.1)
  assert.ok(Math.abs(changedKeys(1_000_000, 1_000_000) / 1_000_000 - (1 - Math.exp(-1))) < 1e-12)
  assert.equal(changedKeys(0, 100), 0)
})

test('changed keys are never more than keys or updates, and grow with updates ever more slowly', () => {
  fc.assert(
    fc.property(keys, updates, (keys, updates) => {
      const changed = changedKeys(keys, updates)
      const twice = changedKeys(keys, 2 * updates)
      assert.ok(changed <= keys && changed <= updates * (1 + 1e-12))
      assert.ok(twice >= changed && twice <= 2 * changed * (1 + 1e-12))
    }),
  )
})

test('the updates behind a count of changed keys are found again', () => {
  fc.assert(
    fc.property(keys, fc.double({ min: 0, max: 5, noNaN: true }), (keys, perKey) => {
      const updates = keys * perKey
      const found = updatesThatChanged(keys, changedKeys(keys, updates))
      assert.ok(Math.abs(found - updates) <= 1e-6 * updates + 1e-6, `${found} for ${updates}`)
    }),
  )
})

test('where all keys have changed the updates are still a number', () => {
  const found = updatesThatChanged(1_000, 1_000)
  assert.ok(found > 5_000 && found < 10_000, String(found))
})
