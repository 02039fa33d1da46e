import { type BackoffOptions, DEFAULT_BACKOFF } from './backoff.ts'

export interface FetcherOptions {
  readonly isolation: 'read_committed' | 'read_uncommitted'
  /** What may be fetched and not yet read, and on its way; asked again and again. Default 16 MiB. */
  readonly budgetBytes?: () => number
  /** How long a broker holds a fetch while there is nothing new. Default 500. */
  readonly maxWaitMs?: number
  /** A broker answers once it has this much. Default 1: at once. */
  readonly minBytes?: number
  /** Of one partition in one answer. A partition is fetched again when no more than this is left of it. Default 1 MiB. */
  readonly maxBytesPerPartition?: number
  /** How long Kafka may say that a partition doesn't exist (just created, or deleted). Default 30,000. */
  readonly missingTimeoutMs?: number
  /** Between two tries of a broker or a partition. Default 50 ms doubling to 1 s. */
  readonly retryBackoff?: BackoffOptions
}

export const FETCHER_DEFAULTS = {
  budgetBytes: () => 16 * 1024 * 1024,
  maxWaitMs: 500,
  minBytes: 1,
  maxBytesPerPartition: 1024 * 1024,
  missingTimeoutMs: 30_000,
  retryBackoff: DEFAULT_BACKOFF,
} as const satisfies Required<Omit<FetcherOptions, 'isolation'>>

/** Counters, ever growing. */
export interface FetcherStats {
  fetches: number
  bytes: number
  /** Answers and connections that failed and were tried again. */
  retries: number
}
