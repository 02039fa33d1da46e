import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Clock, systemClock } from '../../src/common/clock.ts'
import { type RetryPolicy, withRetries } from './retry.ts'

const POLICY: RetryPolicy = { deadlineMs: 10_000, firstPauseMs: 100, maxPauseMs: 1_000, firstTimeoutMs: 50, maxTimeoutMs: 300 }

/** A clock that moves when something sleeps. */
function fakeClock(): Clock & { readonly slept: number[] } {
  let nowMs = 0
  const slept: number[] = []
  return {
    ...systemClock,
    slept,
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted()
      slept.push(ms)
      nowMs += ms
    },
  }
}

const trying = (clock: Clock, signal?: AbortSignal) => ({
  policy: POLICY,
  clock,
  signal,
  isTransient: (error: unknown) => (error as Error).message === 'later',
  explain: (error: unknown, attempts: number) => new Error(`${(error as Error).message} after ${attempts}`, { cause: error }),
})

test('an answer ends the trying', async () => {
  const clock = fakeClock()
  let attempts = 0
  const result = await withRetries(trying(clock), async () => {
    if (++attempts < 4) throw new Error('later')
    return 'answer'
  })
  assert.equal(result, 'answer')
  assert.equal(clock.slept.length, 3)
})

test('a failure that no retry mends ends it at once', async () => {
  const clock = fakeClock()
  const never = () => Promise.reject(new Error('never'))
  await assert.rejects(withRetries(trying(clock), never), { message: 'never after 1' })
  assert.deepEqual(clock.slept, [])
})

test('pauses are random below a bound that doubles up to the longest; patience doubles, too; the deadline ends both', async () => {
  const clock = fakeClock()
  const timeouts: number[] = []
  const failing = (timeoutMs: number) => {
    timeouts.push(timeoutMs)
    return Promise.reject(new Error('later'))
  }
  await assert.rejects(
    withRetries(trying(clock), failing),
    (error: Error) => error.message === `later after ${timeouts.length}`,
  )
  for (const [i, pauseMs] of clock.slept.entries())
    assert(pauseMs <= Math.min(1_000, 100 * 2 ** i), `pause ${i} of ${pauseMs} ms`)
  assert(new Set(clock.slept).size > 1)
  assert(clock.monotonicMs() <= POLICY.deadlineMs)
  assert(clock.monotonicMs() >= POLICY.deadlineMs - POLICY.maxPauseMs)
  assert.deepEqual(timeouts.slice(0, 4), [50, 100, 200, 300])
  assert.equal(timeouts.at(-1), 300)
})

test('an abort ends it with the reason of the signal, whatever the attempt throws', async () => {
  const abort = new AbortController()
  const aborting = async () => {
    abort.abort(new Error('given up'))
    throw new Error('later')
  }
  await assert.rejects(withRetries(trying(fakeClock(), abort.signal), aborting), /given up/)
  await assert.rejects(
    withRetries(trying(fakeClock(), abort.signal), async () => 'never asked'),
    /given up/,
  )
})
