import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkpointDurationMs } from './checkpoint-size.ts'
import { missingFigures, settleFigures, updatesPerSecond } from './job-figures.ts'
import { leastFullIntervalMs, leastIntervalMs } from './least-interval.ts'
import { anyFigures, FIGURES, SETTINGS, sourced } from './plan.fixture.ts'
import { makePlan } from './plan.ts'
import { longestIntervalMs, recoveryTime } from './recovery-time.ts'
import { retentionCost } from './retention-cost.ts'

const about = (found: number, expected: number, share = 1e-3) =>
  assert.ok(Math.abs(found - expected) <= share * Math.abs(expected), `${found}, expected about ${expected}`)

test('20 million keys of 100 bytes: 2 GB whole, and what an interval changes', () => {
  const plan = makePlan(sourced(), SETTINGS)
  assert.equal(plan.fullBytes, 2e9)
  // 200,000 updates in 10 s hit 199,003 of 20 million keys.
  about(plan.changedEntries, 199_003)
  about(plan.incrementalBytes, 19_900_333)
  about(plan.durationMs, 200 + 199)
  // 2 GB at 100 MB/s.
  assert.equal(plan.leastFullIntervalMs, 200 + 20_000)
  // T = 200 ms + T × 20 keys/ms × 100 B ÷ 100,000 B/ms, so T = 200 ÷ 0.98.
  about(plan.leastIntervalMs, 200 / 0.98)
})

test('recovery is detection, restart, restore of the chain and replay', () => {
  const { recovery } = makePlan(sourced(), SETTINGS)
  assert.equal(recovery.detectionMs, 10_000)
  // 2 GB × 1.5 at 40 MB/s.
  assert.equal(recovery.restoreMs, 75_000)
  // A fifth of what lies behind the cut: half an interval, or all of it, and the 399 ms that the checkpoint took.
  about(recovery.replayMeanMs, (5_000 + 399) / 5)
  about(recovery.replayWorstMs, (10_000 + 399) / 5)
  about(recovery.totalWorstMs, 10_000 + 3_000 + 75_000 + 2_080)
  // What came in during 88 s and 10.4 s before, at a spare rate of 80,000: a quarter of 98.4 s.
  about(recovery.caughtUpMs, 88_000 + 98_399 / 4)
})

test('retention: stored bytes, bytes and requests a day, and money where prices are known', () => {
  const figures = { ...FIGURES, metadataBytes: 10_000 }
  const settings = { intervalMs: 60_000, retained: 3, workers: 4 }
  const cost = retentionCost(figures, settings, { perGbMonth: 0.023, perThousandPuts: 0.005 })
  assert.equal(cost.checkpointsPerDay, 1_440)
  assert.equal(cost.putsPerDay, 7_200)
  const changed = 20e6 * (1 - Math.exp(-0.06)) * 100
  about(cost.storedBytes, 2 * (2e9 + 10_000) + 2 * (changed + 10_000))
  about(cost.writtenBytesPerDay, 1_440 * (3 * changed + 10_000))
  about(cost.moneyPerDay!, ((cost.storedBytes / 2 ** 30) * 0.023) / (365 / 12) + 7.2 * 0.005)
  assert.equal(retentionCost(figures, settings, null).moneyPerDay, null)
})

test('below the least interval a checkpoint takes longer than its interval, from it on it does not', () => {
  fc.assert(
    fc.property(anyFigures, fc.double({ min: 0.001, max: 0.99, noNaN: true }), (figures, share) => {
      const least = leastIntervalMs(figures)
      assert.ok(checkpointDurationMs(figures, least) <= least * (1 + 1e-9) + 1e-2)
      const shorter = least * share
      assert.ok(checkpointDurationMs(figures, shorter) >= shorter - 1e-2)
      assert.ok(least <= leastFullIntervalMs(figures) * (1 + 1e-9))
    }),
  )
})

test('a quicker upload never lengthens the least interval, more updates never shorten it', () => {
  fc.assert(
    fc.property(anyFigures, fc.double({ min: 1, max: 100, noNaN: true }), (figures, factor) => {
      const least = leastIntervalMs(figures)
      const quicker = leastIntervalMs({ ...figures, uploadBytesPerSecond: figures.uploadBytesPerSecond * factor })
      const busier = leastIntervalMs({ ...figures, updatesPerSecond: figures.updatesPerSecond * factor })
      assert.ok(quicker <= least * (1 + 1e-9) + 1e-2)
      assert.ok(busier >= least * (1 - 1e-9) - 1e-2)
    }),
  )
})

test('the longest interval keeps the target, and a longer one does not', () => {
  fc.assert(
    fc.property(anyFigures, fc.integer({ min: 1_000, max: 10_000_000 }), (figures, targetMs) => {
      const longest = longestIntervalMs(figures, targetMs, 10_000)
      const worst = (intervalMs: number) => recoveryTime(figures, { intervalMs, sessionTimeoutMs: 10_000 }).totalWorstMs
      if (longest === 0) assert.ok(worst(2) > targetMs)
      else assert.ok(worst(longest) <= targetMs)
      if (longest > 0 && longest < 86_400_000) assert.ok(worst(longest + 2) > targetMs)
    }),
  )
})

test('the worst recovery is never shorter than the mean, nor than a shorter interval’s', () => {
  fc.assert(
    fc.property(
      anyFigures,
      fc.integer({ min: 100, max: 1e6 }),
      fc.integer({ min: 1, max: 1e6 }),
      (figures, intervalMs, more) => {
        const short = recoveryTime(figures, { intervalMs, sessionTimeoutMs: 1 })
        const long = recoveryTime(figures, { intervalMs: intervalMs + more, sessionTimeoutMs: 1 })
        assert.ok(short.totalMeanMs <= short.totalWorstMs)
        assert.ok(short.totalWorstMs <= long.totalWorstMs)
      },
    ),
  )
})

test('what a checkpoint has shown gives the rate that explains it', () => {
  const rate = updatesPerSecond(20_000_000, 199_003, 10_000)
  about(rate, 20_000)
  // More changed than there is live state: deletions count as changes.
  assert.ok(Number.isFinite(updatesPerSecond(10, 500, 1_000)))
})

test('given figures win over measured ones, and what nobody tells is derived or assumed, and says so', () => {
  const { figures, sources } = settleFigures({ entries: 10, entryBytes: 50 }, { entries: 20, inputPerSecond: 7 }, 2)
  assert.equal(figures.entries, 10)
  assert.equal(sources.entries, 'given')
  assert.equal(figures.inputPerSecond, 7)
  assert.equal(sources.inputPerSecond, 'measured')
  assert.equal(figures.updatesPerSecond, 7)
  assert.equal(sources.updatesPerSecond, 'derived')
  assert.equal(sources.restoreBytesPerSecond, 'assumed')
  assert.equal(figures.restoreBytesPerSecond, 2 * 200_000 * 50)
  assert.deepEqual(missingFigures({ entries: 3 }), ['entryBytes'])
})
