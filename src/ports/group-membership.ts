/**
 * Who takes part: the consumer group of the job. One implementation speaks Kafka's group protocol; `solo` is a group of
 * one that elects itself.
 *
 *     join → (leader: divide the tasks) → settle → … rebalancing → (a last checkpoint) → join …
 */
import type { TaskKey } from '../records/task-id.ts'

/** What a member tells the leader when it joins. */
export interface MemberFacts {
  /** The worker's name, unique among those that are up. */
  readonly worker: string
  /** Fresh for every join (R4): a claim names the nonces it is for, so that a worker enters an epoch once. */
  readonly joinNonce: string
  /** Of the job that it runs: members with another one than the leader's get no tasks. */
  readonly graphDigest: string
  /** Tasks whose state it has, and the checkpoint that this state is. */
  readonly localState: Readonly<Record<TaskKey, number>>
  /** The machine it runs on, so that copies of state are kept elsewhere; absent: it is not known. */
  readonly host?: string | undefined
}

export interface GroupMember extends MemberFacts {
  /** Given by the group; a new one for each process. */
  readonly memberId: string
}

/** What a member will read, for people and lag tools; the engine goes by the control log. */
export interface AssignedPartitions {
  readonly topic: string
  readonly partitions: readonly number[]
}

export interface Joined {
  readonly self: GroupMember
  readonly isLeader: boolean
  /** All members in a stable order, known to the leader only. */
  readonly members: readonly GroupMember[]
  /**
   * Resolves when the group has settled. The leader says what each member (by its id) reads; the others wait for that.
   * Null: the group has moved on meanwhile: join again.
   */
  settle(assignments?: ReadonlyMap<string, readonly AssignedPartitions[]>): Promise<Membership | null>
}

export interface Membership {
  /** Aborted when others want in or out. The membership goes on until the next `join`, or until `ended`. */
  readonly rebalancing: AbortSignal
  /** Aborted when this member is no longer one: whatever it does for the group must stop at once. */
  readonly ended: AbortSignal
  /** Which of these members the group still has. */
  present(memberIds: readonly string[]): Promise<ReadonlySet<string>>
}

export interface GroupMembership {
  /** Joins, or joins again, and resolves when all members have. Keeps the membership alive until `leave`. */
  join(facts: MemberFacts): Promise<Joined>
  /** Best effort: the others needn't wait for the session to run out. */
  leave(): Promise<void>
}
