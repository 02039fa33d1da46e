import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { adaptInterval, type IntervalObservation, startInterval } from './adaptive-interval.ts'

const BOUNDS = { minMs: 1_000, maxMs: 60_000 }

/** Checkpoints one after another of a job that answers so to an interval; the intervals they were taken at. */
function run(count: number, respond: (intervalMs: number, n: number) => Partial<IntervalObservation>, bounds = BOUNDS) {
  let state = startInterval(10_000, bounds)
  const intervals = [state.intervalMs]
  for (let n = 0; n < count; n++) {
    const seen = { durationMs: 0, backPressure: 0, isAborted: false, ...respond(state.intervalMs, n) }
    state = adaptInterval(state, seen, bounds).state
    intervals.push(state.intervalMs)
  }
  return intervals
}

const changes = (intervals: readonly number[]) => intervals.filter((ms, i) => i > 0 && ms !== intervals[i - 1]).length

/** How often it turned around. */
function turns(intervals: readonly number[]): number {
  const steps = intervals.flatMap((ms, i) => (i > 0 && ms !== intervals[i - 1] ? [Math.sign(ms - intervals[i - 1]!)] : []))
  return steps.filter((step, i) => i > 0 && step !== steps[i - 1]).length
}

test('idle, it goes to the least interval; with uploads that never end, to the longest', () => {
  assert.equal(run(100, () => ({ durationMs: 50 })).at(-1), 1_000)
  assert.equal(run(20, () => ({ durationMs: 100_000 })).at(-1), 60_000)
  assert.equal(run(20, () => ({ isAborted: true })).at(-1), 60_000)
  assert.equal(run(20, () => ({ durationMs: 10, backPressure: 0.9 })).at(-1), 60_000)
})

test('it lengthens at once and shortens only after calm', () => {
  assert.deepEqual(
    run(1, () => ({ durationMs: 5_001 })),
    [10_000, 15_000],
  )
  assert.deepEqual(
    run(4, () => ({ durationMs: 100 })),
    [10_000, 10_000, 10_000, 10_000, 8_000],
  )
  // Half of the time under pressure is no calm.
  assert.equal(changes(run(50, (_, n) => ({ durationMs: 100, backPressure: n % 2 === 0 ? 0.3 : 0 }))), 0)
})

test('each change says why', () => {
  const state = startInterval(10_000, BOUNDS)
  const because = (seen: Partial<IntervalObservation>) =>
    adaptInterval(state, { durationMs: 3_000, backPressure: 0, isAborted: false, ...seen }, BOUNDS).change
  assert.equal(because({}), null)
  assert.equal(because({ durationMs: 6_000 }), 'long-duration')
  assert.equal(because({ backPressure: 0.6 }), 'back-pressure')
  assert.equal(because({ isAborted: true }), 'aborted')
  assert.equal(
    adaptInterval({ ...state, calm: 3 }, { durationMs: 1, backPressure: 0, isAborted: false }, BOUNDS).change,
    'idle',
  )
})

const bounds = fc
  .tuple(fc.integer({ min: 100, max: 10_000 }), fc.integer({ min: 0, max: 100_000 }))
  .map(([minMs, more]) => ({ minMs, maxMs: minMs + more }))

test('it stays within its bounds, whatever it sees', () => {
  const observation = fc.record({
    durationMs: fc.integer({ min: 0, max: 200_000 }),
    backPressure: fc.double({ min: 0, max: 1, noNaN: true }),
    isAborted: fc.boolean(),
  })
  fc.assert(
    fc.property(bounds, fc.array(observation, { maxLength: 200 }), (bounds, seen) => {
      const intervals = run(seen.length, (_, n) => seen[n]!, bounds)
      for (const ms of intervals) assert.ok(ms >= bounds.minMs && ms <= bounds.maxMs && Number.isInteger(ms))
    }),
  )
})

test('where durations grow with the interval, and vary by a quarter, it goes one way and then stays', () => {
  const job = fc.record({
    fixedMs: fc.integer({ min: 1, max: 5_000 }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    noise: fc.array(fc.double({ min: 0.8, max: 1.25, noNaN: true }), { minLength: 400, maxLength: 400 }),
  })
  fc.assert(
    fc.property(job, ({ fixedMs, share, noise }) => {
      const intervals = run(400, (intervalMs, n) => ({ durationMs: (fixedMs + share * intervalMs) * noise[n]! }))
      assert.equal(turns(intervals), 0)
    }),
  )
})

test('back pressure that a short interval itself brings is tried ever more rarely', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1_100, max: 50_000 }), (strainedBelowMs) => {
      const intervals = run(5_000, (ms) => ({ durationMs: 1, backPressure: ms < strainedBelowMs ? 0.8 : 0 }))
      assert.ok(turns(intervals) <= 30, `${turns(intervals)} turns`)
      const late = intervals.slice(-2_000)
      assert.ok(changes(late) <= 12, `${changes(late)} changes late`)
    }),
  )
})
