import { toError } from '../../../src/common/errors.ts'
import { type BackoffOptions, backoffMs, DEFAULT_BACKOFF } from './backoff.ts'
import { isWorthRetrying } from './client-errors.ts'
import type { ClusterAccess, RequestTarget } from './cluster-access.ts'

/** What one try came to: a result, or the reason to try again (used as the error when time is up). */
export type Attempt<T> = { readonly result: T } | { readonly retry: Error }

/**
 * Tries until there is a result or `timeoutMs` is over; then rejects with the last reason. Errors of the network count as
 * a reason to try again, after `onNetworkError` (e.g. look up the leader anew); all others are final.
 */
export async function retryUntil<T>(
  cluster: ClusterAccess,
  timeoutMs: number,
  attempt: () => Promise<Attempt<T>>,
  onNetworkError?: () => Promise<void>,
  backoff: BackoffOptions = DEFAULT_BACKOFF,
): Promise<T> {
  const { clock } = cluster
  const deadlineMs = clock.monotonicMs() + timeoutMs
  for (let tries = 0; ; tries++) {
    let reason: Error
    try {
      const outcome = await attempt()
      if ('result' in outcome) return outcome.result
      reason = outcome.retry
    } catch (thrown) {
      reason = toError(thrown)
      if (!isWorthRetrying(reason)) throw reason
      await onNetworkError?.().catch(() => {})
    }
    const waitMs = backoffMs(cluster, tries, backoff)
    if (clock.monotonicMs() + waitMs >= deadlineMs) throw reason
    await clock.sleep(waitMs)
  }
}

/** A transaction is completed within some milliseconds; coordinators move and load within seconds. */
const COORDINATOR_BACKOFF: BackoffOptions = { firstMs: 10, maxMs: 500 }

/** Retries a request to a coordinator through its moves and restarts. `judge` tells what its answer means. */
export function askCoordinator<Answer, T>(
  cluster: ClusterAccess,
  target: Exclude<RequestTarget, number | 'any' | 'controller'>,
  timeoutMs: number,
  ask: () => Promise<Answer>,
  judge: (answer: Answer) => Attempt<T>,
): Promise<T> {
  const attempt = async (): Promise<Attempt<T>> => {
    const outcome = judge(await ask())
    if ('retry' in outcome) cluster.forgetCoordinator(target)
    return outcome
  }
  return retryUntil(cluster, timeoutMs, attempt, undefined, COORDINATOR_BACKOFF)
}
