/** Requests to the coordinator of one group, repeated through its moves, restarts and lost connections. */
import type { Clock } from '../../../src/common/clock.ts'
import { isMillraceError, MillraceError, toError } from '../../../src/common/errors.ts'
import { unlessAborted } from '../../../src/common/unless-aborted.ts'
import { isWorthRetrying } from '../client/client-errors.ts'
import type { ClusterAccess, Lane } from '../client/cluster-access.ts'
import { isRetriableCode } from '../client/kafka-errors.ts'
import type { RequestType } from '../client/request-type.ts'
import { groupError } from './group-errors.ts'

/** Coordinators move and load within seconds. */
const FIRST_BACKOFF_MS = 50
const MAX_BACKOFF_MS = 500
/** An operator wants to know why nothing happens, but not twice a second. */
const WARN_AFTER_MS = 5_000
const WARN_AGAIN_MS = 30_000

/** For looking up the coordinator and connecting, on top of the time for the answer. */
const LOOKUP_SLACK_MS = 1_000

export interface AskOptions {
  readonly lane?: Lane
  /** For one answer. */
  readonly timeoutMs?: number
  /** Rejects with its reason once it is aborted. */
  readonly signal?: AbortSignal
  /** The answer waits for other members: none within `timeoutMs` is no failure, the request is sent again at once. */
  readonly waitsForOthers?: boolean
  /** Rejects with the last error when nothing final came within this time. Default: never. */
  readonly giveUpAfterMs?: number
}

export class GroupCoordinator {
  readonly cluster: ClusterAccess
  readonly groupId: string
  readonly #clock: Clock

  constructor(cluster: ClusterAccess, groupId: string, clock: Clock) {
    this.cluster = cluster
    this.groupId = groupId
    this.#clock = clock
  }

  /**
   * One request, no retry. The client counts `timeoutMs` from when it is sent: looking up the coordinator at a broker that
   * hangs is given up here, and begun anew next time, at another. An answer that says that the coordinator is elsewhere
   * makes it be looked up as well.
   */
  async once<Input, Output>(
    type: RequestType<Input, Output>,
    input: Input,
    codeOf: (answer: Output) => number,
    options: AskOptions = {},
  ): Promise<Output> {
    const target = { group: this.groupId }
    const { lane, timeoutMs, signal } = options
    const { promise: late, reject } = Promise.withResolvers<never>()
    const giveUp = () => {
      this.cluster.forgetCoordinator(target)
      reject(lookupTimedOut(this.groupId))
    }
    const callOff = timeoutMs === undefined ? () => {} : this.#clock.schedule(timeoutMs + LOOKUP_SLACK_MS, giveUp)
    const more = { ...(lane === undefined ? {} : { lane }), ...(timeoutMs === undefined ? {} : { timeoutMs }) }
    let answer: Output
    try {
      answer = await unlessAborted(signal, () => Promise.race([this.cluster.request(target, type, input, more), late]))
    } finally {
      callOff()
    }
    if (isRetriableCode(codeOf(answer))) this.cluster.forgetCoordinator(target)
    return answer
  }

  /** Until there is an answer that is not about the coordinator itself; its error code is the caller's. */
  async ask<Input, Output>(
    type: RequestType<Input, Output>,
    input: Input,
    codeOf: (answer: Output) => number,
    options: AskOptions = {},
  ): Promise<Output> {
    const { signal, giveUpAfterMs = Number.POSITIVE_INFINITY, waitsForOthers = false } = options
    const startedAtMs = this.#clock.monotonicMs()
    let warnAtMs = startedAtMs + WARN_AFTER_MS
    for (let attempt = 0; ; attempt++) {
      let reason: Error
      try {
        const answer = await this.once(type, input, codeOf, options)
        if (!isRetriableCode(codeOf(answer))) return answer
        reason = groupError(type.name, this.groupId, codeOf(answer))
      } catch (thrown) {
        signal?.throwIfAborted()
        if (waitsForOthers && isUnanswered(type.name, thrown)) continue
        reason = toError(thrown)
        if (!isWorthRetrying(reason)) throw reason
      }
      const waitMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(attempt, 10))
      const nowMs = this.#clock.monotonicMs()
      if (nowMs - startedAtMs + waitMs >= giveUpAfterMs) throw reason
      if (nowMs >= warnAtMs) {
        warnAtMs = nowMs + WARN_AGAIN_MS
        this.cluster.logger.warn('group-coordinator-unavailable', {
          groupId: this.groupId,
          request: type.name,
          forMs: Math.round(nowMs - startedAtMs),
          error: reason.message,
        })
      }
      await this.#clock.sleep(waitMs, signal)
    }
  }
}

function lookupTimedOut(groupId: string): MillraceError {
  return new MillraceError('MR_KAFKA_REQUEST_TIMEOUT', `the coordinator of group ${groupId} could not be reached in time`, {
    details: { request: 'FindCoordinator', groupId },
  })
}

/** The request itself, not the opening of a connection for it. */
function isUnanswered(request: string, error: unknown): boolean {
  return isMillraceError(error, 'MR_KAFKA_REQUEST_TIMEOUT') && error.details.request === request
}
