import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FIGURES, SETTINGS, sourced } from './plan.fixture.ts'
import { makePlan } from './plan.ts'
import type { PlanSettings } from './plan-settings.ts'
import type { StoredSample } from './retention-trend.ts'

function warned(own: Partial<typeof FIGURES> = {}, settings: Partial<PlanSettings> = {}, stored: StoredSample[] = []) {
  return makePlan(sourced(own), { ...SETTINGS, ...settings }, stored).warnings
}

const codes = (...args: Parameters<typeof warned>) => warned(...args).map(({ code }) => code)

test('a job that is set up well is warned of nothing', () => {
  assert.deepEqual(codes(), [])
})

test('an interval that the storage cannot keep', () => {
  const [warning] = warned(
    { uploadBytesPerSecond: 1e6 },
    { cacheBytes: 2 ** 40, timeoutMs: 2_000_000, transactionTimeoutMs: null },
  )
  assert.equal(warning?.code, 'interval-below-least')
  assert.match(warning.message, /^a checkpoint every 10s is more often than the storage takes: \d+/)
  assert.match(warning.remedy, /checkpoint-interval/)
})

test('a checkpoint that is given up before it can be complete', () => {
  assert.deepEqual(codes({ overheadMs: 5_000 }, { timeoutMs: 5_000 }), ['timeout-below-duration'])
})

test('a transaction that Kafka aborts before its checkpoint must be complete', () => {
  // (10 s + 4 min) × 3 = 12.5 min.
  assert.deepEqual(codes({}, { transactionTimeoutMs: 750_000 }), ['transaction-timeout'])
  assert.deepEqual(codes({}, { transactionTimeoutMs: 750_001 }), [])
  assert.deepEqual(codes({}, { transactionTimeoutMs: null }), [])
})

test('caches that do not hold what an interval changes', () => {
  // 199,003 entries of 360 bytes.
  assert.deepEqual(codes({}, { cacheBytes: 71_000_000 }), ['cache-below-working-set'])
  assert.deepEqual(codes({}, { cacheBytes: 72_000_000 }), [])
})

test('a recovery above its target names the interval that would do, or that none would', () => {
  const [some] = warned(
    { restoreBytesPerSecond: 1e9, inputPerSecond: 90_000, updatesPerSecond: 20_000 },
    { recoveryTargetMs: 20_000 },
  )
  assert.equal(some?.code, 'recovery-above-target')
  assert.match(some.message, /; an interval of \d+(ms|s) would do$/)
  const [none] = warned({}, { recoveryTargetMs: 60_000 })
  assert.match(none?.message ?? '', /; no interval alone would do$/)
})

test('a job that would never catch up', () => {
  assert.deepEqual(codes({ capacityPerSecond: 21_000 }), ['no-headroom'])
})

test('files that grow while the state does not; those that rise and fall are well', () => {
  const sample = (factor: number) => ({ storedBytes: factor * 1e8, liveBytes: 1e8 })
  assert.deepEqual(codes({}, {}, [1, 1.5, 2, 2.5, 3, 3.5].map(sample)), ['retention-growing'])
  assert.deepEqual(codes({}, {}, [2, 2.6, 2, 2.6, 2, 2.6].map(sample)), [])
  assert.deepEqual(codes({}, {}, [1, 2, 3].map(sample)), [])
  const small = (factor: number) => ({ storedBytes: factor * 1_000, liveBytes: 1_000 })
  assert.deepEqual(codes({}, {}, [1, 1.5, 2, 2.5, 3, 3.5].map(small)), [])
})
