/**
 * Who keeps copies: divides standby tasks among the members of the group, behind the tasks themselves (assignment.ts). Pure,
 * and the same for the same input.
 *
 * - Never on the worker that runs the task, nor twice on one worker; on another host than it where there is one.
 * - Where the newest copy is already: a member that has the state needs nothing, and one that ran the task until now has
 *   it whole. So a task that moves leaves its standby behind by itself (KIP-441).
 * - Then evenly: while one member holds two more than another, and a chain of moves leads from it to that one, the copies
 *   that lose least move along it. No move puts a copy on the host of its task that was not there before.
 */
import { defined } from '../common/assert.ts'
import type { TaskKey } from '../records/task-id.ts'
import type { Assignee, Assignment } from './assignment.ts'

export interface StandbyMember extends Assignee {
  /** The machine, as far as it is known: what dies together. */
  readonly host?: string | undefined
}

/** @param replicas copies of each task, as far as there are members for them */
export function assignStandby(active: Assignment, members: readonly StandbyMember[], replicas: number): Assignment {
  const able = [...new Map(members.map((member) => [member.worker, member])).values()]
  const plan = new StandbyPlan(active, able)
  const copies = Math.min(replicas, able.length - 1)
  for (let copy = 0; copy < copies; copy++) plan.placeAll()
  plan.even()
  return plan.result()
}

class StandbyPlan {
  private readonly tasks: readonly TaskKey[]
  private readonly members: readonly StandbyMember[]
  private readonly owners = new Map<TaskKey, number>()
  /** By member. */
  private readonly held: Set<TaskKey>[]

  constructor(active: Assignment, members: readonly StandbyMember[]) {
    this.members = members
    this.tasks = [...active.values()].flat()
    this.held = members.map(() => new Set())
    members.forEach(({ worker }, member) => {
      for (const task of active.get(worker) ?? []) this.owners.set(task, member)
    })
  }

  /** One copy of every task, those first that some member has a state of. */
  placeAll(): void {
    const newest = (task: TaskKey) => Math.max(...this.members.map((_, member) => this.newness(task, member)))
    const byNewest = this.tasks.map((task) => ({ task, newest: newest(task) })).sort((a, b) => b.newest - a.newest)
    for (const { task } of byNewest) {
      const best = this.members
        .map((_, member) => member)
        .filter((member) => this.mayHold(task, member))
        .reduce((a, b) => (this.isBetter(task, b, a) ? b : a), -1)
      if (best >= 0) this.heldBy(best).add(task)
    }
  }

  even(): void {
    for (;;) {
      const counts = this.held.map(({ size }) => size)
      const least = Math.min(...counts)
      const byCount = counts.map((_, member) => member).sort((a, b) => this.count(b) - this.count(a) || a - b)
      const hasMoved = byCount.some((from) => this.count(from) >= least + 2 && this.shiftFrom(from))
      if (!hasMoved) return
    }
  }

  result(): Assignment {
    return new Map(
      this.members.map(({ worker }, member) => [worker, this.tasks.filter((task) => this.heldBy(member).has(task))]),
    )
  }

  /** Along the shortest chain of members to one that holds two less; false: there is none. */
  private shiftFrom(from: number): boolean {
    const via = new Map<number, { readonly member: number; readonly task: TaskKey }>()
    const reached = [from]
    for (const member of reached) {
      for (let to = 0; to < this.members.length; to++) {
        if (to === from || via.has(to)) continue
        const task = this.cheapest(member, to)
        if (task === undefined) continue
        via.set(to, { member, task })
        if (this.count(to) + 2 > this.count(from)) {
          reached.push(to)
          continue
        }
        for (let at = to; at !== from; ) {
          const step = defined(via.get(at), 'step of the chain')
          this.heldBy(step.member).delete(step.task)
          this.heldBy(at).add(step.task)
          at = step.member
        }
        return true
      }
    }
    return false
  }

  /** What loses least by a move from one member to the other. */
  private cheapest(from: number, to: number): TaskKey | undefined {
    let best: TaskKey | undefined
    const cost = (task: TaskKey) => this.newness(task, from) - this.newness(task, to)
    for (const task of this.heldBy(from)) {
      if (!this.mayHold(task, to) || (this.isApart(task, from) && !this.isApart(task, to))) continue
      if (best === undefined || cost(task) < cost(best)) best = task
    }
    return best
  }

  private isBetter(task: TaskKey, a: number, b: number): boolean {
    if (b < 0) return true
    const apart = Number(this.isApart(task, a)) - Number(this.isApart(task, b))
    if (apart !== 0) return apart > 0
    const newer = this.newness(task, a) - this.newness(task, b)
    if (newer !== 0) return newer > 0
    return this.count(a) < this.count(b)
  }

  private mayHold(task: TaskKey, member: number): boolean {
    return this.owners.get(task) !== member && !this.heldBy(member).has(task)
  }

  /** Whether it survives the machine of its task, as far as is known. */
  private isApart(task: TaskKey, member: number): boolean {
    const host = this.members[member]?.host
    return host === undefined || host !== this.members[this.owners.get(task) ?? -1]?.host
  }

  private newness(task: TaskKey, member: number): number {
    return 1 + (this.members[member]?.localState[task] ?? -1)
  }

  private count(member: number): number {
    return this.heldBy(member).size
  }

  private heldBy(member: number): Set<TaskKey> {
    return defined(this.held[member], 'member')
  }
}
