/**
 * One membership, from the answer to JoinGroup to the next join, to leave, or to its end: heartbeats on a lane of their
 * own, and a watch over the session.
 *
 *     running → rebalancing (others want in or out; heartbeats go on) → ended
 *
 * Invariants:
 * - The session counts from the moment when the last heartbeat that succeeded was *sent*: the broker counts from a later
 *   one, so `ended` is aborted before another member can be given what this one has (as far as both clocks run alike).
 * - Heartbeats wait for nothing but the clock and the broker.
 */
import type { Clock } from '../../../src/common/clock.ts'
import { toError } from '../../../src/common/errors.ts'
import type { Logger } from '../../../src/common/logger.ts'
import type { Membership } from '../../../src/ports/group-membership.ts'
import { isWorthRetrying } from '../client/client-errors.ts'
import type { Lane } from '../client/cluster-access.ts'
import { isRetriableCode, KafkaCode, kafkaErrorName } from '../client/kafka-errors.ts'
import { DescribeGroups, Heartbeat, type MemberRef } from '../client/requests/group-requests.ts'
import type { GroupCoordinator } from './group-coordinator.ts'
import { groupError, membershipLost } from './group-errors.ts'

/** Behind a heartbeat that didn't get through, where that is less than the interval. */
const RETRY_MS = 100

export interface GroupSessionParts {
  readonly coordinator: GroupCoordinator
  readonly member: MemberRef
  readonly clock: Clock
  readonly logger: Logger
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
}

export class GroupSession implements Membership {
  readonly member: MemberRef
  readonly #parts: GroupSessionParts
  readonly #rebalancing = new AbortController()
  readonly #ended = new AbortController()
  readonly #lane: Lane
  /** Of the clock's monotonicMs. */
  #goodUntilMs: number

  /** @param parts.member as JoinGroup has just answered: the session starts now */
  constructor(parts: GroupSessionParts) {
    this.#parts = parts
    this.member = parts.member
    this.#lane = parts.coordinator.cluster.openLane('group-heartbeat')
    this.#goodUntilMs = parts.clock.monotonicMs() + parts.sessionTimeoutMs
    void this.#beat()
    void this.#watch()
  }

  get rebalancing(): AbortSignal {
    return this.#rebalancing.signal
  }

  get ended(): AbortSignal {
    return this.#ended.signal
  }

  /**
   * Whether the membership is over, by the clock as it shows now. A process that was stopped and goes on runs whatever
   * is due, in any order: who asks this first needn't wait for the watch to have its turn.
   */
  hasEnded(): boolean {
    if (!this.ended.aborted && this.#parts.clock.monotonicMs() >= this.#goodUntilMs) {
      this.#lose(`no heartbeat has succeeded for ${this.#parts.sessionTimeoutMs} ms`)
    }
    return this.ended.aborted
  }

  async present(memberIds: readonly string[]): Promise<ReadonlySet<string>> {
    const { coordinator, member, sessionTimeoutMs } = this.#parts
    const { groupId } = member
    const [group] = await coordinator.ask(
      DescribeGroups,
      { groupIds: [groupId] },
      (answer) => answer[0]?.errorCode ?? KafkaCode.unknownServerError,
      { signal: this.ended, giveUpAfterMs: sessionTimeoutMs },
    )
    if (group === undefined || group.errorCode !== 0) {
      throw groupError('DescribeGroups', groupId, group?.errorCode ?? KafkaCode.unknownServerError)
    }
    const there = new Set(group.members.map(({ memberId }) => memberId))
    return new Set(memberIds.filter((memberId) => there.has(memberId)))
  }

  /** Ends it without a word to the broker. */
  end(reason: Error): void {
    if (this.ended.aborted) return
    this.#ended.abort(reason)
    this.#lane.close()
  }

  async #beat(): Promise<void> {
    const { clock, heartbeatIntervalMs } = this.#parts
    let waitMs = heartbeatIntervalMs
    for (;;) {
      await this.#pause(waitMs)
      if (this.hasEnded()) return
      const sentAtMs = clock.monotonicMs()
      const isGood = await this.#heartbeat(sentAtMs)
      if (this.hasEnded()) return
      const tookMs = clock.monotonicMs() - sentAtMs
      waitMs = isGood ? Math.max(0, heartbeatIntervalMs - tookMs) : Math.min(RETRY_MS, heartbeatIntervalMs)
    }
  }

  async #watch(): Promise<void> {
    while (!this.hasEnded()) await this.#pause(this.#goodUntilMs - this.#parts.clock.monotonicMs())
  }

  /** @returns false: it must be repeated soon */
  async #heartbeat(sentAtMs: number): Promise<boolean> {
    const { coordinator, sessionTimeoutMs, logger, member } = this.#parts
    let code: number
    try {
      // A connection that hangs must leave time for another one.
      const timeoutMs = Math.ceil(sessionTimeoutMs / 3)
      const options = { lane: this.#lane, timeoutMs, signal: this.ended }
      code = (await coordinator.once(Heartbeat, member, (answer) => answer.errorCode, options)).errorCode
    } catch (thrown) {
      if (this.ended.aborted) return true
      const error = toError(thrown)
      if (!isWorthRetrying(error)) this.#lose(error.message, error)
      else logger.debug('group-heartbeat-failed', { error: error.message })
      return false
    }
    switch (code) {
      case KafkaCode.none:
        this.#extend(sentAtMs)
        return true
      case KafkaCode.rebalanceInProgress:
        this.#extend(sentAtMs)
        if (!this.rebalancing.aborted && !this.hasEnded()) this.#rebalancing.abort()
        return true
      case KafkaCode.unknownMemberId:
      case KafkaCode.illegalGeneration:
      case KafkaCode.fencedInstanceId:
        this.#lose(`Kafka answers ${kafkaErrorName(code)} to a heartbeat`)
        return true
    }
    if (isRetriableCode(code)) return false
    const error = groupError('Heartbeat', member.groupId, code)
    this.#lose(error.message, error)
    return true
  }

  #extend(sentAtMs: number): void {
    this.#goodUntilMs = Math.max(this.#goodUntilMs, sentAtMs + this.#parts.sessionTimeoutMs)
  }

  #lose(why: string, cause?: unknown): void {
    const { logger, member } = this.#parts
    if (this.ended.aborted) return
    logger.warn('group-membership-lost', { groupId: member.groupId, memberId: member.memberId, why })
    this.end(membershipLost(member.groupId, why, cause))
  }

  /** Also over when the membership is. */
  async #pause(ms: number): Promise<void> {
    await this.#parts.clock.sleep(ms, this.ended).catch(() => {})
  }
}
