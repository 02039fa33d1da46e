import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decideRestart, type RestartSettings } from './restarts.ts'

const settings = (changes: Partial<RestartSettings>): RestartSettings => ({
  strategy: 'fixed-delay',
  attempts: 3,
  delayMs: 1_000,
  maxDelayMs: 5_000,
  intervalMs: 60_000,
  ...changes,
})
const failures = (n: number, ranMs = 0) => Array.from({ length: n }, (_, i) => ({ offset: i, atMs: i * 1_000, ranMs }))

describe('a restart strategy', () => {
  test('none gives up at once', () => {
    assert.deepEqual(decideRestart(failures(1), settings({ strategy: 'none' }), 0.5), { kind: 'give-up' })
  })

  test('fixed-delay waits the same time, so many times in a row', () => {
    for (const n of [1, 2, 3])
      assert.deepEqual(decideRestart(failures(n), settings({}), 0), { kind: 'restart', delayMs: 1_000 })
    assert.deepEqual(decideRestart(failures(4), settings({}), 0), { kind: 'give-up' })
  })

  test('an epoch that ran long enough begins a new row', () => {
    const list = [...failures(3), { offset: 9, atMs: 100_000, ranMs: 90_000 }]
    assert.deepEqual(decideRestart(list, settings({}), 0), { kind: 'restart', delayMs: 1_000 })
  })

  test('exponential-delay doubles up to its bound, with jitter', () => {
    const strategy = settings({ strategy: 'exponential-delay', attempts: 10 })
    const delays = [1, 2, 3, 4, 5].map((n) => decideRestart(failures(n), strategy, 0.5))
    assert.deepEqual(
      delays,
      [1_000, 2_000, 4_000, 5_000, 5_000].map((delayMs) => ({ kind: 'restart', delayMs })),
    )
    assert.deepEqual(decideRestart(failures(1), strategy, 0), { kind: 'restart', delayMs: 900 })
    assert.deepEqual(decideRestart(failures(11), strategy, 0), { kind: 'give-up' })
  })

  test('failure-rate counts within the interval', () => {
    const strategy = settings({ strategy: 'failure-rate', intervalMs: 2_500 })
    assert.equal(decideRestart(failures(100), strategy, 0).kind, 'restart')
    assert.equal(decideRestart(failures(100), { ...strategy, intervalMs: 4_500 }, 0).kind, 'give-up')
  })
})
