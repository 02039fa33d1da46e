import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GhostEntries } from './ghost-entries.ts'

const keys = (count: number, prefix: string) => Array.from({ length: count }, (_, i) => `${prefix}${i}`)

test('misses of what was evicted are counted, about as many as there are; others are not', () => {
  const ghosts = new GhostEntries()
  for (const key of keys(40_000, 'a')) ghosts.evicted(1, key, 100)
  const { bytes } = ghosts.take()
  assert.ok(Math.abs(bytes / 4e6 - 1) < 0.15, `${bytes}`)
  for (const key of keys(20_000, 'a')) ghosts.missed(1, key)
  const { hits, bytes: left } = ghosts.take()
  assert.ok(Math.abs(hits / 20_000 - 1) < 0.15, `${hits}`)
  assert.ok(Math.abs(left / 2e6 - 1) < 0.2, `${left}`)
  // Each only once, and never of another state or key.
  for (const key of keys(20_000, 'a')) ghosts.missed(1, key)
  for (const key of keys(20_000, 'b')) ghosts.missed(1, key)
  for (const key of keys(40_000, 'a')) ghosts.missed(2, key)
  assert.ok(ghosts.take().hits < 100)
})

test('what was evicted long ago is forgotten', () => {
  const ghosts = new GhostEntries()
  for (const key of keys(1_000, 'old')) ghosts.evicted(1, key, 100)
  for (const key of keys(3_000_000, 'new')) ghosts.evicted(1, key, 100)
  for (const key of keys(1_000, 'old')) ghosts.missed(1, key)
  assert.ok(ghosts.take().hits < 100)
})
