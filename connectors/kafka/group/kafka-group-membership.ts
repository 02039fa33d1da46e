/**
 * Membership by Kafka's classic consumer group protocol (KIP-62, KIP-394). The coordinator picks a leader and keeps the
 * sessions; who reads what is decided by the leader and in the control log, and told here for people and lag tools.
 *
 *     JoinGroup (a new id is given and asked for again with) → all have joined → SyncGroup → heartbeats …
 *     REBALANCE_IN_PROGRESS → rebalancing → JoinGroup with the same id and a fresh nonce …
 *
 * A fresh nonce is also what makes the join of a follower a rebalance: the coordinator answers one whose metadata hasn't
 * changed with the generation that there is. No static membership (R4 of docs/protocol.md).
 *
 * All waiting is by the injected clock and by the answers of the cluster: a simulator owns both.
 */
import { assert } from '../../../src/common/assert.ts'
import type { Clock } from '../../../src/common/clock.ts'
import { toError } from '../../../src/common/errors.ts'
import type { Logger } from '../../../src/common/logger.ts'
import { unlessAborted } from '../../../src/common/unless-aborted.ts'
import type {
  AssignedPartitions,
  GroupMember,
  GroupMembership,
  Joined,
  MemberFacts,
} from '../../../src/ports/group-membership.ts'
import type { ClusterAccess, Lane } from '../client/cluster-access.ts'
import { KafkaCode } from '../client/kafka-errors.ts'
import { JoinGroup, type JoinGroupAnswer, LeaveGroup, SyncGroup } from '../client/requests/group-requests.ts'
import { decodeSubscription, encodeAssignment, encodeSubscription, PROTOCOL_NAME, PROTOCOL_TYPE } from './consumer-protocol.ts'
import { type AskOptions, GroupCoordinator } from './group-coordinator.ts'
import { groupError, groupInUse, membershipLost } from './group-errors.ts'
import type { GroupIdentity } from './group-identity.ts'
import { GroupSession } from './group-session.ts'
import { IdentityFile } from './identity-file.ts'
import { decodeFacts, encodeFacts, inStableOrder, strangerFacts } from './member-facts.ts'
import type { MemberRecord } from './member-record.ts'

export interface KafkaGroupOptions {
  /** Asked at each join and leave: may connect then, and try again where it has failed. */
  readonly client: () => Promise<ClusterAccess>
  /** The application id. */
  readonly groupId: string
  readonly clock: Clock
  readonly logger: Logger
  /** The topics that the job reads, as they stand in the subscription; asked at each join. */
  readonly topics: () => readonly string[]
  /** The coordinator takes a member for dead that it hasn't heard of for so long. Brokers allow 6 s to 30 min by default. */
  readonly sessionTimeoutMs: number
  /** So long the coordinator waits in a rebalance for members that are alive and don't join. */
  readonly rebalanceTimeoutMs: number
  readonly heartbeatIntervalMs: number
  /** In a folder whose lock this worker holds, or soon-to-be colleagues are thrown out (identity-file.ts). */
  readonly identityFile?: string
  /** In place of it, for a worker that has no such folder. */
  readonly memberRecord?: MemberRecord
  /** Where sources find who they are when they publish positions. */
  readonly identity?: GroupIdentity
}

/** Leaving is a courtesy. */
const LEAVE_TIMEOUT_MS = 2_000
/** Before another try with a new member id, so that a coordinator that knows none of them isn't flooded. */
const NEW_ID_PAUSE_MS = 50

/** What one `join` has begun: given up by the next one, and by `leave`. */
interface Round {
  readonly givenUp: AbortController
  session: GroupSession | undefined
}

export class KafkaGroupMembership implements GroupMembership {
  readonly #options: KafkaGroupOptions
  readonly #record: MemberRecord | undefined
  /** Empty: none yet. Kept over joins as long as the coordinator knows it. */
  #memberId = ''
  #predecessorIsGone = false
  #round: Round | undefined

  constructor(options: KafkaGroupOptions) {
    this.#options = options
    const { identityFile, groupId } = options
    this.#record = options.memberRecord ?? (identityFile === undefined ? undefined : new IdentityFile(identityFile, groupId))
    options.identity?.set('absent')
  }

  /**
   * Waits for as long as it takes: for the others (up to the rebalance timeout) and for a coordinator. Rejects with
   * MR_GROUP_IN_USE, MR_GROUP_SESSION_TIMEOUT, MR_GROUP_FULL, MR_KAFKA_AUTHORIZATION, what `client` rejects with, and
   * with MR_GROUP_MEMBERSHIP_LOST when `leave` or another `join` comes in between. The membership before ends here.
   */
  async join(facts: MemberFacts): Promise<Joined> {
    this.#giveUp('it joins anew')
    const round: Round = { givenUp: new AbortController(), session: undefined }
    this.#round = round
    const { signal } = round.givenUp
    const cluster = await unlessAborted(signal, this.#options.client)
    const coordinator = new GroupCoordinator(cluster, this.#options.groupId, this.#options.clock)
    await this.#removePredecessor(coordinator, signal)
    // The broker answers a connection's requests in turn, and these wait for other workers.
    const lane = cluster.openLane('group-join')
    signal.addEventListener('abort', () => lane.close(), { once: true })
    try {
      const answer = await this.#joinGroup(coordinator, facts, lane, signal)
      const session = this.#startSession(coordinator, answer)
      round.session = session
      return this.#joined(coordinator, session, lane, facts, answer)
    } catch (error) {
      lane.close()
      throw error
    }
  }

  async leave(): Promise<void> {
    this.#giveUp('it leaves')
    const memberId = this.#memberId
    this.#memberId = ''
    if (memberId === '') return
    const { client, groupId, clock, logger } = this.#options
    const late = new AbortController()
    const tooLate = clock.sleep(LEAVE_TIMEOUT_MS, late.signal).then(
      () => late.abort(new Error(`no answer within ${LEAVE_TIMEOUT_MS} ms`)),
      () => {},
    )
    try {
      const cluster = await unlessAborted(late.signal, client)
      await removeMember(new GroupCoordinator(cluster, groupId, clock), memberId, 'the worker stops', late.signal)
      await this.#record?.remove()
    } catch (error) {
      // Its session runs out, or the next start finds it in the identity file.
      logger.warn('group-not-left', { groupId, memberId, error: toError(error).message })
    } finally {
      late.abort()
      await tooLate
    }
  }

  #giveUp(why: string): void {
    const round = this.#round
    this.#round = undefined
    if (round === undefined) return
    const reason = membershipLost(this.#options.groupId, why)
    round.givenUp.abort(reason)
    round.session?.end(reason)
  }

  async #removePredecessor(coordinator: GroupCoordinator, signal: AbortSignal): Promise<void> {
    if (this.#predecessorIsGone) return
    for (const memberId of (await this.#record?.predecessors()) ?? []) {
      const wasThere = await removeMember(coordinator, memberId, 'its process has ended', signal)
      if (wasThere) this.#options.logger.info('group-predecessor-removed', { groupId: coordinator.groupId, memberId })
      await this.#record?.forget(memberId)
    }
    this.#predecessorIsGone = true
  }

  async #joinGroup(
    coordinator: GroupCoordinator,
    facts: MemberFacts,
    lane: Lane,
    signal: AbortSignal,
  ): Promise<JoinGroupAnswer> {
    const { groupId, clock, topics, sessionTimeoutMs, rebalanceTimeoutMs } = this.#options
    // The same in each try: changed metadata would be another rebalance.
    const metadata = encodeSubscription(topics(), encodeFacts(facts))
    for (;;) {
      const answer = await coordinator.ask(
        JoinGroup,
        {
          groupId,
          sessionTimeoutMs,
          rebalanceTimeoutMs,
          memberId: this.#memberId,
          protocolType: PROTOCOL_TYPE,
          protocols: [{ name: PROTOCOL_NAME, metadata }],
          reason: `worker ${facts.worker} joins`,
        },
        ({ errorCode }) => errorCode,
        { lane, signal, ...this.#waiting() },
      )
      switch (answer.errorCode) {
        case KafkaCode.none:
          await this.#take(answer.memberId)
          // A member of the newer protocol (KIP-848) has turned it into a group that Kafka itself assigns in.
          if (answer.leader === '') throw groupInUse(groupId, 'it has consumers of the protocol of KIP-848')
          return answer
        case KafkaCode.memberIdRequired:
          await this.#take(answer.memberId)
          break
        case KafkaCode.unknownMemberId:
          this.#memberId = ''
          await clock.sleep(NEW_ID_PAUSE_MS, signal)
          break
        default:
          throw groupError('JoinGroup', groupId, answer.errorCode, { sessionTimeoutMs })
      }
      signal.throwIfAborted()
    }
  }

  /**
   * The coordinator answers JoinGroup and SyncGroup when all members have come. Asked again in between, with the same
   * content, which changes nothing there: one that has gone without a word is found out within a session.
   */
  #waiting(): AskOptions {
    return { timeoutMs: this.#options.sessionTimeoutMs, waitsForOthers: true }
  }

  /** Noted before it is used: a crash in between leaves a member too. */
  async #take(memberId: string): Promise<void> {
    if (this.#memberId === memberId) return
    this.#memberId = memberId
    await this.#record?.write(memberId).catch((error) => {
      this.#options.logger.warn('group-identity-not-kept', { error: toError(error).message })
    })
  }

  #startSession(coordinator: GroupCoordinator, { generation, memberId }: JoinGroupAnswer): GroupSession {
    const { groupId, clock, logger, sessionTimeoutMs, heartbeatIntervalMs, identity } = this.#options
    const member = { groupId, generation, memberId }
    const session = new GroupSession({ coordinator, member, clock, logger, sessionTimeoutMs, heartbeatIntervalMs })
    session.ended.addEventListener('abort', () => identity?.set('absent'), { once: true })
    return session
  }

  #joined(
    coordinator: GroupCoordinator,
    session: GroupSession,
    lane: Lane,
    facts: MemberFacts,
    answer: JoinGroupAnswer,
  ): Joined {
    const isLeader = answer.leader === answer.memberId
    let isSettled = false
    return {
      self: { ...facts, memberId: answer.memberId },
      isLeader,
      members: isLeader ? inStableOrder(answer.members.map((member) => this.#readMember(member))) : [],
      settle: async (assignments) => {
        assert(!isSettled, 'a join is settled once')
        assert(!isLeader || assignments !== undefined, 'the leader says what each member reads')
        isSettled = true
        try {
          const divided = answer.members.map(({ memberId }) => ({ memberId, assigned: assignments?.get(memberId) ?? [] }))
          return (await this.#sync(coordinator, session, lane, isLeader ? divided : [])) ? session : null
        } catch (error) {
          if (session.ended.aborted) return null
          throw error
        } finally {
          lane.close()
        }
      },
    }
  }

  /** @returns false: the group has moved on */
  async #sync(
    coordinator: GroupCoordinator,
    session: GroupSession,
    lane: Lane,
    divided: ReadonlyArray<{ readonly memberId: string; readonly assigned: readonly AssignedPartitions[] }>,
  ): Promise<boolean> {
    const { identity } = this.#options
    const assignments = divided.map(({ memberId, assigned }) => ({ memberId, assignment: encodeAssignment(assigned) }))
    const { errorCode } = await coordinator.ask(
      SyncGroup,
      { ...session.member, protocolType: PROTOCOL_TYPE, protocol: PROTOCOL_NAME, assignments },
      (answer) => answer.errorCode,
      { lane, signal: session.ended, ...this.#waiting() },
    )
    switch (errorCode) {
      case KafkaCode.none:
        if (session.hasEnded()) return false
        identity?.set(session.member)
        return true
      case KafkaCode.rebalanceInProgress:
      case KafkaCode.illegalGeneration:
      case KafkaCode.unknownMemberId:
      case KafkaCode.fencedInstanceId:
        return false
      default:
        throw groupError('SyncGroup', coordinator.groupId, errorCode)
    }
  }

  #readMember({ memberId, metadata }: { readonly memberId: string; readonly metadata: Buffer }): GroupMember {
    let facts: MemberFacts | undefined
    try {
      facts = decodeFacts(decodeSubscription(metadata).userData)
    } catch {
      facts = undefined
    }
    if (facts === undefined) this.#options.logger.warn('group-member-not-understood', { memberId })
    return { ...(facts ?? strangerFacts(memberId)), memberId }
  }
}

/** @returns whether the group had it */
async function removeMember(
  coordinator: GroupCoordinator,
  memberId: string,
  reason: string,
  signal: AbortSignal,
): Promise<boolean> {
  const { groupId } = coordinator
  const input = { groupId, memberIds: [memberId], reason }
  const answer = await coordinator.ask(LeaveGroup, input, ({ errorCode }) => errorCode, { signal })
  const code = answer.errorCode || (answer.members[0]?.errorCode ?? 0)
  if (code === KafkaCode.unknownMemberId) return false
  if (code !== 0) throw groupError('LeaveGroup', groupId, code)
  return true
}
