/**
 * Whether and when an epoch that failed is followed by another: the restart strategies, as a pure function of the
 * failures that the log tells of, so that every leader comes to the same answer.
 */
import type { PastFailure } from './folded-view.ts'

export type RestartStrategy = 'none' | 'fixed-delay' | 'exponential-delay' | 'failure-rate'

export interface RestartSettings {
  readonly strategy: RestartStrategy
  /** `fixed-delay`, `exponential-delay`: restarts in a row that are tried. `failure-rate`: failures within the interval. */
  readonly attempts: number
  /** Before the first restart; `exponential-delay` doubles it each time. */
  readonly delayMs: number
  /** `exponential-delay`: never longer. */
  readonly maxDelayMs: number
  /** An epoch that ran for so long has begun a new row. `failure-rate`: the interval in which failures are counted. */
  readonly intervalMs: number
}

export type RestartDecision = { readonly kind: 'restart'; readonly delayMs: number } | { readonly kind: 'give-up' }

/** `exponential-delay` draws from this share about the delay, so that many jobs don't come back at one moment. */
const JITTER = 0.1

/**
 * @param failures oldest first, the one that asks now is the last
 * @param chance from 0 up to 1
 */
export function decideRestart(failures: readonly PastFailure[], settings: RestartSettings, chance: number): RestartDecision {
  const { strategy, attempts, delayMs, maxDelayMs, intervalMs } = settings
  switch (strategy) {
    case 'none':
      return { kind: 'give-up' }
    case 'fixed-delay':
      return inARow(failures, intervalMs) > attempts ? { kind: 'give-up' } : { kind: 'restart', delayMs }
    case 'exponential-delay': {
      const row = inARow(failures, intervalMs)
      if (row > attempts) return { kind: 'give-up' }
      const delay = Math.min(maxDelayMs, delayMs * 2 ** Math.max(0, row - 1))
      return { kind: 'restart', delayMs: Math.round(delay * (1 + JITTER * (2 * chance - 1))) }
    }
    case 'failure-rate': {
      const last = failures.at(-1)?.atMs ?? 0
      const recent = failures.filter(({ atMs }) => last - atMs < intervalMs).length
      return recent > attempts ? { kind: 'give-up' } : { kind: 'restart', delayMs }
    }
  }
}

/** Failures since an epoch ran for the interval. */
function inARow(failures: readonly PastFailure[], intervalMs: number): number {
  let row = 0
  for (const { ranMs } of [...failures].reverse()) {
    row++
    if (ranMs >= intervalMs) break
  }
  return row
}
