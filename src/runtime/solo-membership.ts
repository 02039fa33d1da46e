/** A group of one: the worker is its own leader. A second process with the same application id takes over by its claim. */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { GroupMembership, Membership } from '../ports/group-membership.ts'

export function soloMembership(): GroupMembership {
  return {
    async join(): Promise<Membership> {
      const self = { worker: `${hostname()}-${process.pid}`, joinNonce: randomUUID() }
      return { self, isLeader: true, members: [self], ended: new AbortController().signal }
    },
    async leave() {},
  }
}
