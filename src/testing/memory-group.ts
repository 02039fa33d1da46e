/** A consumer group in memory, for tests: settles when all members have joined. Outlives the workers that use it. */
import { whenAborted } from '../common/when-aborted.ts'
import type { GroupMember, GroupMembership, Joined, MemberFacts, Membership } from '../ports/group-membership.ts'

interface Member {
  readonly id: string
  facts: MemberFacts
  /** Of its present membership. */
  rebalancing: AbortController
  ended: AbortController
  /** Set while it waits for the others. */
  joining: PromiseWithResolvers<Joined> | undefined
}

export class MemoryGroup {
  private readonly members = new Map<string, Member>()
  private nextId = 0
  private generation = 0
  private settled = Promise.withResolvers<void>()

  /** Of a new worker. */
  member(): GroupMembership {
    let own: string | undefined
    return {
      join: (facts) => {
        if (own === undefined || !this.members.has(own)) own = `member-${this.nextId++}`
        return this.join(own, facts)
      },
      leave: async () => {
        if (own !== undefined) this.remove(own)
      },
    }
  }

  /** What the session timeout does to a member that is dead. */
  remove(id: string): void {
    const member = this.members.get(id)
    if (member === undefined) return
    this.members.delete(id)
    member.ended.abort()
    this.rebalance()
  }

  ids(): readonly string[] {
    return [...this.members.keys()]
  }

  private join(id: string, facts: MemberFacts): Promise<Joined> {
    const joining = Promise.withResolvers<Joined>()
    const member = this.members.get(id)
    if (member === undefined) {
      this.members.set(id, { id, facts, rebalancing: new AbortController(), ended: new AbortController(), joining })
    } else {
      member.facts = facts
      member.joining = joining
    }
    this.rebalance()
    return joining.promise
  }

  private rebalance(): void {
    const all = [...this.members.values()]
    if (!all.every(({ joining }) => joining !== undefined)) {
      for (const { rebalancing, joining } of all) if (joining === undefined) rebalancing.abort()
      return
    }
    const generation = ++this.generation
    this.settled = Promise.withResolvers()
    const [leader] = all
    const members: GroupMember[] = all.map(({ id, facts }) => ({ ...facts, memberId: id }))
    for (const member of all) {
      const isLeader = member === leader
      member.rebalancing = new AbortController()
      member.ended = new AbortController()
      const { joining, rebalancing, ended } = member
      member.joining = undefined
      const membership: Membership = {
        rebalancing: rebalancing.signal,
        ended: ended.signal,
        present: async (ids) => new Set(ids.filter((id) => this.members.has(id))),
      }
      joining?.resolve({
        self: { ...member.facts, memberId: member.id },
        isLeader,
        members: isLeader ? members : [],
        settle: async () => {
          if (isLeader && generation === this.generation) this.settled.resolve()
          await Promise.race([this.settled.promise, whenAborted(rebalancing.signal), whenAborted(ended.signal)])
          return generation === this.generation && !rebalancing.signal.aborted ? membership : null
        },
      })
    }
  }
}
