import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Health } from './health.ts'

test('with several workers the state is the worst of theirs, and each is told', () => {
  const health = new Health('orders')
  assert.equal(health.report().workers, undefined)
  health.expectWorkers(3)
  for (const slot of [0, 1, 2]) health.enterWorker(slot, 'running')
  assert.ok(health.isReady)
  health.enterWorker(1, 'restoring')
  assert.deepEqual([health.report().state, health.isReady, health.isAlive], ['restoring', false, true])
  health.enterWorker(2, 'starting')
  assert.deepEqual([health.report().state, health.isReady, health.isAlive], ['starting', false, true])
  assert.deepEqual(health.report().workers, ['running', 'restoring', 'starting'])
  health.enterWorker(2, 'running')
  health.enterWorker(1, 'running')
  assert.ok(health.isReady)
})

test('a checkpoint that every worker tells of is one', () => {
  const health = new Health('orders')
  health.completed({ checkpoint: 4, completedAtMs: 1_000, durationMs: 20, bytes: 7 })
  health.completed({ checkpoint: 4, completedAtMs: 1_005, durationMs: 25, bytes: 7 })
  assert.equal(health.report().lastCheckpoint?.durationMs, 20)
  health.completed({ checkpoint: 5, completedAtMs: 2_000, durationMs: 30, bytes: 8 })
  assert.equal(health.report().lastCheckpoint?.checkpoint, 5)
})
