/**
 * Tries again what failed for a moment, until a deadline. Pauses have full jitter (a random share of a bound that
 * doubles), so that workers which failed together do not come back together.
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
import type { Clock } from '../../src/common/clock.ts'

export interface RetryPolicy {
  /** After this long no further attempt begins. */
  readonly deadlineMs: number
  readonly firstPauseMs: number
  readonly maxPauseMs: number
  /** The first attempt waits so long for an answer; each further one twice as long: quick against a lost connection, patient with a slow store. */
  readonly firstTimeoutMs: number
  readonly maxTimeoutMs: number
}

/** A checkpoint may come each second, so the first pauses are short; an outage of some ten seconds is sat out. */
export const DEFAULT_RETRY_POLICY: RetryPolicy = {
  deadlineMs: 60_000,
  firstPauseMs: 50,
  maxPauseMs: 3_000,
  firstTimeoutMs: 5_000,
  maxTimeoutMs: 40_000,
}

export interface Retrying {
  readonly policy: RetryPolicy
  readonly clock: Clock
  readonly signal: AbortSignal | undefined
  /** Whether the same request may succeed later. */
  isTransient(error: unknown): boolean
  /** The error to throw in the end. */
  explain(error: unknown, attempts: number, elapsedMs: number): unknown
}

/** `run` is told how long to wait for an answer. An abort rejects with the signal's reason. */
export async function withRetries<T>(retrying: Retrying, run: (timeoutMs: number) => Promise<T>): Promise<T> {
  const { policy, clock, signal } = retrying
  const startedAtMs = clock.monotonicMs()
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted()
    const doublings = 2 ** (attempt - 1)
    try {
      return await run(Math.min(policy.maxTimeoutMs, policy.firstTimeoutMs * doublings))
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      const elapsedMs = clock.monotonicMs() - startedAtMs
      const pauseMs = Math.random() * Math.min(policy.maxPauseMs, policy.firstPauseMs * doublings)
      if (!retrying.isTransient(error) || elapsedMs + pauseMs > policy.deadlineMs) {
        throw retrying.explain(error, attempt, elapsedMs)
      }
      await clock.sleep(pauseMs, signal)
    }
  }
}
