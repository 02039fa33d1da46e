import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compactsTooSoon } from './compaction-warning.ts'

test('a compacted topic is warned about unless its records stay for a day', () => {
  const day = `${24 * 60 * 60 * 1000}`
  assert.equal(compactsTooSoon('compact', '0'), true)
  assert.equal(compactsTooSoon('compact,delete', '60000'), true)
  assert.equal(compactsTooSoon('compact', undefined), true)
  assert.equal(compactsTooSoon('compact', day), false)
  assert.equal(compactsTooSoon('delete', '0'), false)
  assert.equal(compactsTooSoon(undefined, undefined), false)
})
