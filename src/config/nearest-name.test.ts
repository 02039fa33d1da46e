import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { editDistance, nearestName } from './nearest-name.ts'

test('an insertion, a deletion, a substitution and a swap each cost one', () => {
  assert.equal(editDistance('brokers', 'brokers'), 0)
  assert.equal(editDistance('broker', 'brokers'), 1)
  assert.equal(editDistance('brrokers', 'brokers'), 1)
  assert.equal(editDistance('brokars', 'brokers'), 1)
  assert.equal(editDistance('borkers', 'brokers'), 1)
  assert.equal(editDistance('', 'abc'), 3)
  assert.equal(editDistance('abc', ''), 3)
})

test('the distance is symmetric, zero only for equal words, and never above the longer length', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 })
  fc.assert(
    fc.property(word, word, (a, b) => {
      const distance = editDistance(a, b)
      assert.equal(distance, editDistance(b, a))
      assert.equal(distance === 0, a === b)
      assert.ok(distance <= Math.max(a.length, b.length))
      assert.ok(distance >= Math.abs(a.length - b.length))
    }),
  )
})

test('the nearest name is proposed, and none where none is near', () => {
  const names = ['brokers', 'checkpoints', 'checkpoint-interval', 'state-backend', 's3-region']
  assert.equal(nearestName('borker', names), 'brokers')
  assert.equal(nearestName('checkpoint-intervall', names), 'checkpoint-interval')
  assert.equal(nearestName('interval', names), 'checkpoint-interval')
  assert.equal(nearestName('CHECKPOINTS', names), 'checkpoints')
  assert.equal(nearestName('parallelism', names), undefined)
})
