import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { TaskKey } from '../records/task-id.ts'
import { type Assignment, assignTasks } from './assignment.ts'
import { assignStandby, type StandbyMember } from './standby.ts'

const tasksOf = (count: number): TaskKey[] => Array.from({ length: count }, (_, partition) => `orders/${partition}` as TaskKey)

const fresh = (workers: number, hosts = workers): StandbyMember[] =>
  Array.from({ length: workers }, (_, index) => ({ worker: `w${index}`, localState: {}, host: `h${index % hosts}` }))

/** The members as they are after a checkpoint that all have followed. */
function holding(members: readonly StandbyMember[], active: Assignment, standby: Assignment): StandbyMember[] {
  return members.map((member) => {
    const tasks = [...(active.get(member.worker) ?? []), ...(standby.get(member.worker) ?? [])]
    return { ...member, localState: Object.fromEntries(tasks.map((task) => [task, 7])) }
  })
}

const counts = (assignment: Assignment) => [...assignment.values()].map((tasks) => tasks.length)

const scenes = fc
  .record({
    tasks: fc.integer({ min: 1, max: 24 }),
    workers: fc.integer({ min: 1, max: 7 }),
    hosts: fc.integer({ min: 1, max: 7 }),
    replicas: fc.integer({ min: 0, max: 3 }),
  })
  .chain(({ tasks, workers, hosts, replicas }) =>
    fc.record({
      tasks: fc.constant(tasksOf(tasks)),
      replicas: fc.constant(replicas),
      members: fc.tuple(
        ...fresh(workers, hosts).map((member) =>
          fc
            .dictionary(fc.constantFrom(...tasksOf(tasks)), fc.integer({ min: 0, max: 4 }), { maxKeys: tasks })
            .map((localState): StandbyMember => ({ ...member, localState })),
        ),
      ),
    }),
  )

test('each task has as many copies as there are members for, none on its own worker, none twice on one', () => {
  fc.assert(
    fc.property(scenes, ({ tasks, members, replicas }) => {
      const active = assignTasks(tasks, members)
      const standby = assignStandby(active, members, replicas)
      assert.deepEqual([...standby.keys()], [...active.keys()])
      const copies = Math.min(replicas, members.length - 1)
      for (const task of tasks) {
        const holders = [...standby].filter(([, held]) => held.includes(task)).map(([worker]) => worker)
        assert.equal(holders.length, copies)
        for (const worker of holders) assert.ok(!active.get(worker)?.includes(task), `${worker} runs ${task}`)
      }
      for (const held of standby.values()) assert.equal(new Set(held).size, held.length)
    }),
  )
})

test('a copy is on the host of its task only where all others are taken', () => {
  fc.assert(
    fc.property(scenes, ({ tasks, members, replicas }) => {
      const active = assignTasks(tasks, members)
      const standby = assignStandby(active, members, replicas)
      const hostOf = new Map(members.map(({ worker, host }) => [worker, host]))
      for (const [owner, running] of active) {
        for (const task of running) {
          const holders = members.filter(({ worker }) => standby.get(worker)?.includes(task))
          const near = holders.filter(({ host }) => host === hostOf.get(owner)).length
          const apart = members.filter(({ host }) => host !== hostOf.get(owner)).length
          assert.equal(near, Math.max(0, Math.min(replicas, members.length - 1) - apart))
        }
      }
    }),
  )
})

test('copies are spread evenly where every worker is a host of its own', () => {
  fc.assert(
    fc.property(scenes, fc.integer({ min: 1, max: 3 }), ({ tasks, members }, replicas) => {
      const apart = members.map((member, index) => ({ ...member, host: `h${index}` }))
      const held = counts(assignStandby(assignTasks(tasks, apart), apart, replicas))
      if (members.length > 2) assert.ok(Math.max(...held) - Math.min(...held) <= 1, `${held}`)
    }),
  )
})

test('the same input gives the same output, and who has followed keeps what he has', () => {
  fc.assert(
    fc.property(scenes, ({ tasks, members, replicas }) => {
      const active = assignTasks(tasks, members)
      const standby = assignStandby(active, members, replicas)
      assert.deepEqual(assignStandby(active, members, replicas), standby)
      const later = holding(members, active, standby)
      const again = assignTasks(tasks, later, active)
      assert.deepEqual(again, active)
      assert.deepEqual(assignStandby(again, later, replicas), standby)
    }),
  )
})

test('when a worker is gone its tasks go to their copies, and nobody else gives anything away', () => {
  const members = fresh(3)
  const tasks = tasksOf(12)
  const active = assignTasks(tasks, members)
  const after = holding(members, active, assignStandby(active, members, 1)).slice(1)
  const taken = assignTasks(tasks, after, active)
  for (const { worker, localState } of after) {
    const now = taken.get(worker) ?? []
    assert.ok(active.get(worker)?.every((task) => now.includes(task)))
    assert.ok(
      now.every((task) => localState[task] === 7),
      `${worker} has the state of all that it runs: ${now}`,
    )
  }
})

test('a worker that has joined takes tasks, and who ran them keeps their copies', () => {
  const two = fresh(2)
  const tasks = tasksOf(9)
  const active = assignTasks(tasks, two)
  const three = [...holding(two, active, assignStandby(active, two, 1)), ...fresh(3).slice(2)]
  const taken = assignTasks(tasks, three, active)
  const standby = assignStandby(taken, three, 1)
  const moves = [...standby].flatMap(([worker, held]) =>
    held.filter((task) => three.find((member) => member.worker === worker)?.localState[task] === undefined),
  )
  // What the new one must be given to hold its share, and nothing else.
  assert.deepEqual(counts(standby), [3, 3, 3])
  assert.equal(moves.length, 3)
})
