/** How an epoch begins: the leader appends a claim behind the last valid one (R3); everybody named in it enters. */
import type { EpochClaimed } from '../checkpoint/protocol/control-records.ts'
import type { LogView } from '../checkpoint/protocol/log-view.ts'
import type { GroupMember } from '../ports/group-membership.ts'
import type { TaskKey } from '../records/task-id.ts'
import { appendOne, type LogFollower } from './log-follower.ts'

export interface Claim {
  readonly nonce: string
  readonly members: readonly GroupMember[]
  readonly assignment: Readonly<Record<string, readonly TaskKey[]>>
  readonly standby: Readonly<Record<string, readonly TaskKey[]>>
  readonly graphDigest: string
  readonly slots: number
}

/**
 * False: another process claimed at the same moment, or has claimed already.
 * @param mayClaim whether it may, asked once the log is read to its end
 */
export async function appendClaim(
  follower: LogFollower,
  claim: Claim,
  mayClaim: () => boolean,
  nowMs: number,
): Promise<boolean> {
  await follower.catchUp()
  const { view } = follower
  if (!mayClaim()) return false
  const record: EpochClaimed = {
    type: 'epoch-claimed',
    nonce: claim.nonce,
    previousEpoch: view.epoch,
    seen: view.nextOffset - 1,
    members: claim.members.map(({ worker, joinNonce, memberId }) => ({ worker, joinNonce, memberId })),
    assignment: claim.assignment,
    ...(Object.keys(claim.standby).length === 0 ? {} : { standby: claim.standby }),
    graphDigest: claim.graphDigest,
    workers: Math.max(claim.members.length, view.poolWorkers),
    slots: Math.max(claim.slots, view.poolSlots),
    at: new Date(nowMs).toISOString(),
  }
  return (await appendOne(follower, record)) && view.claim?.nonce === claim.nonce
}

/** The index of the worker that joined with this nonce; undefined: the last claim isn't for it (R4), or gives it nothing. */
export function indexInClaim(view: LogView, joinNonce: string): number | undefined {
  const { claim } = view
  const index = claim?.members.findIndex((member) => member.joinNonce === joinNonce) ?? -1
  if (claim === undefined || index < 0) return undefined
  return Object.hasOwn(claim.assignment, claim.members[index]!.worker) ? index : undefined
}
