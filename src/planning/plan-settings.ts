/** What the options of a job say, as far as its plan depends on them. */
import type { Prices } from './retention-cost.ts'

export interface PlanSettings {
  readonly intervalMs: number
  /** The longest that it may become where it adapts itself; null: it doesn't. */
  readonly intervalMaxMs: number | null
  readonly timeoutMs: number
  readonly tolerableFailures: number
  /** Null: no sink opens transactions. */
  readonly transactionTimeoutMs: number | null
  readonly retained: number
  readonly workers: number
  readonly sessionTimeoutMs: number
  /** Object caches of all workers together. */
  readonly cacheBytes: number
  readonly recoveryTargetMs: number | null
  readonly prices: Prices | null
}
