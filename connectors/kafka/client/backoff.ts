/** Waits between tries: doubling, with jitter so that many clients don't ask in step. */
export interface BackoffOptions {
  readonly firstMs: number
  readonly maxMs: number
}

export const DEFAULT_BACKOFF: BackoffOptions = { firstMs: 50, maxMs: 1_000 }

/** From 0 up to 1: a cluster's, or `Math`. */
export interface RandomSource {
  random(): number
}

/** `attempt` counts from 0. Between 80 and 120 percent of first · 2^attempt, at most max. */
export function backoffMs(source: RandomSource, attempt: number, options: BackoffOptions = DEFAULT_BACKOFF): number {
  const base = Math.min(options.maxMs, options.firstMs * 2 ** Math.min(attempt, 20))
  return Math.round(base * (0.8 + 0.4 * source.random()))
}
