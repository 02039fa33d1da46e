/** A group of one: the worker is its own leader. A second process with the same application id takes over by its claim. */
import type { GroupMembership, Joined, Membership } from '../ports/group-membership.ts'

export function soloMembership(): GroupMembership {
  const never = new AbortController().signal
  const membership: Membership = {
    rebalancing: never,
    ended: never,
    present: async (memberIds) => new Set(memberIds),
  }
  return {
    async join(facts): Promise<Joined> {
      const self = { ...facts, memberId: facts.worker }
      return { self, isLeader: true, members: [self], settle: async () => membership }
    },
    async leave() {},
  }
}
