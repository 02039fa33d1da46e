/**
 * Who takes part: the consumer group of the job. One implementation speaks Kafka's group protocol; `solo` is a group of
 * one that elects itself.
 */
export interface GroupMember {
  /** The worker's name, unique among those that are up. */
  readonly worker: string
  /** Fresh for every join (R4): a claim names the nonces it is for, so that a worker enters an epoch once. */
  readonly joinNonce: string
}

export interface Membership {
  readonly self: GroupMember
  readonly isLeader: boolean
  /** All members, known to the leader only. */
  readonly members: readonly GroupMember[]
  /** Aborted when this membership has ended: the group rebalances, or the member was removed. */
  readonly ended: AbortSignal
}

export interface GroupMembership {
  /** Joins with a fresh nonce, and resolves when the group has settled. */
  join(): Promise<Membership>
  leave(): Promise<void>
}
