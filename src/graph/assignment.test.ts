import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseTaskKey, type TaskKey, taskKey } from '../records/task-id.ts'
import { type AssignableTask, type Assignee, type Assignment, assignTasks } from './assignment.ts'

const STAGES = ['orders', 'by-customer', 'by-region', 'late']

function tasksOf(partitions: readonly number[]): TaskKey[] {
  return partitions.flatMap((count, index) =>
    Array.from({ length: count }, (_, partition) => taskKey({ stage: STAGES[index] as string, partition })),
  )
}

function fresh(...workers: string[]): Assignee[] {
  return workers.map((worker) => ({ worker, localState: {} }))
}

/** The members as they are after a checkpoint: each has the state of what it was given. */
function holding(assignment: Assignment, checkpoint: number): Assignee[] {
  return [...assignment].map(([worker, tasks]) => ({
    worker,
    localState: Object.fromEntries(tasks.map((task) => [task, checkpoint])),
  }))
}

function workerOf(assignment: Assignment): Map<TaskKey, string> {
  return new Map([...assignment].flatMap(([worker, tasks]) => tasks.map((task): [TaskKey, string] => [task, worker])))
}

/** Tasks that are elsewhere behind a change. */
function moved(before: Assignment, after: Assignment): number {
  const is = workerOf(after)
  return [...workerOf(before)].filter(([task, worker]) => is.get(task) !== worker).length
}

const partitions = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 4 })
const workers = fc.integer({ min: 1, max: 9 }).map((count) => Array.from({ length: count }, (_, index) => `w${index}`))

/** Members with any states, those of tasks that are gone included. */
const scenes = fc.tuple(partitions, workers).chain(([counts, names]) => {
  const tasks = tasksOf(counts)
  const state = fc.dictionary(fc.constantFrom(...tasks, 'gone/0'), fc.integer({ min: 0, max: 5 }), { maxKeys: tasks.length })
  return fc.record({
    tasks: fc.tuple(...tasks.map((task) => weighted(task))),
    members: fc.tuple(...names.map((worker) => state.map((localState): Assignee => ({ worker, localState })))),
  })
})

function weighted(task: TaskKey): fc.Arbitrary<AssignableTask> {
  const group = fc.option(fc.constantFrom('g1', 'g2', 'g3'), { nil: undefined, freq: 5 })
  const weight = fc.option(fc.integer({ min: 1, max: 7 }), { nil: undefined, freq: 2 })
  return fc.tuple(group, weight).map(([inGroup, heavy]) => ({
    task,
    ...(inGroup === undefined ? {} : { group: inGroup }),
    ...(heavy === undefined ? {} : { weight: heavy }),
  }))
}

test('every task is given to exactly one member, groups stay together, loads differ by the heaviest unit at most', () => {
  fc.assert(
    fc.property(scenes, ({ tasks, members }) => {
      const assignment = assignTasks(tasks, members)
      assert.deepEqual(
        [...assignment.keys()],
        members.map(({ worker }) => worker),
      )
      assert.deepEqual([...assignment.values()].flat().sort(), tasks.map(({ task }) => task).sort())
      const owner = workerOf(assignment)
      const units = Map.groupBy(tasks, ({ task, group }) => group ?? task)
      const unitsOf = new Map<string, number>(members.map(({ worker }) => [worker, 0]))
      const loadOf = new Map<string, number>(unitsOf)
      const weightOf = (unit: readonly AssignableTask[]) => unit.reduce((sum, { weight = 1 }) => sum + weight, 0)
      for (const unit of units.values()) {
        const owners = new Set(unit.map(({ task }) => owner.get(task)))
        assert.equal(owners.size, 1)
        const [worker = ''] = owners
        unitsOf.set(worker, (unitsOf.get(worker) ?? 0) + 1)
        loadOf.set(worker, (loadOf.get(worker) ?? 0) + weightOf(unit))
      }
      const loads = [...loadOf.values()]
      assert.ok(Math.max(...loads) - Math.min(...loads) <= Math.max(...[...units.values()].map(weightOf)))
      assert.ok(Math.min(...unitsOf.values()) > 0 || Math.max(...unitsOf.values()) < 2)
      assert.deepEqual(assignTasks(structuredClone(tasks), structuredClone(members)), assignment)
    }),
    { numRuns: 1_000 },
  )
})

test('each stage is spread as evenly as the whole', () => {
  fc.assert(
    fc.property(partitions, workers, (counts, names) => {
      const assignment = assignTasks(tasksOf(counts), fresh(...names))
      const spread = (sizes: readonly number[]) => Math.max(...sizes) - Math.min(...sizes)
      const all = [...assignment.values()]
      assert.ok(spread(all.map((tasks) => tasks.length)) <= 1)
      for (const stage of STAGES) {
        const sizes = all.map((tasks) => tasks.filter((task) => parseTaskKey(task).stage === stage).length)
        assert.ok(spread(sizes) <= 1)
      }
    }),
  )
})

test('members that come back as they were keep all they had, with no move', () => {
  fc.assert(
    fc.property(partitions, workers, (counts, names) => {
      const tasks = tasksOf(counts)
      const before = assignTasks(tasks, fresh(...names))
      assert.deepEqual(assignTasks(tasks, holding(before, 7)), before)
      assert.deepEqual(assignTasks(tasks, fresh(...names), before), before, 'by the assignment before, without any state')
      const others = holding(before, 7).toReversed()
      assert.equal(moved(before, assignTasks(tasks, others)), 0, 'in another order')
    }),
  )
})

test('one stage: a member that joins takes its share and nothing else moves; of one that leaves only its own tasks move', () => {
  const counts = fc.integer({ min: 1, max: 40 }).map((count) => [count])
  fc.assert(
    fc.property(counts, workers, fc.nat(), ([count = 0], names, seed) => {
      const tasks = tasksOf([count])
      const before = assignTasks(tasks, fresh(...names))
      const more = assignTasks(tasks, [...holding(before, 1), ...fresh('new')])
      assert.equal(moved(before, more), Math.floor(count / (names.length + 1)))
      if (names.length === 1) return
      const leaver = names[seed % names.length] as string
      const fewer = assignTasks(
        tasks,
        holding(before, 1).filter(({ worker }) => worker !== leaver),
      )
      assert.equal(moved(before, fewer), before.get(leaver)?.length)
    }),
  )
})

test('several stages: a change moves no more than the bound, and nothing besides where the stages divide evenly', () => {
  fc.assert(
    fc.property(partitions, workers, fc.nat(), (counts, names, seed) => {
      const tasks = tasksOf(counts)
      const before = assignTasks(tasks, fresh(...names))
      const sumOver = (value: (count: number) => number) => counts.reduce((sum, count) => sum + value(count), 0)
      const uneven = (members: number) => sumOver((count) => Math.min(count % members, members - (count % members)) % members)
      const more = names.length + 1
      const joined = moved(before, assignTasks(tasks, [...holding(before, 1), ...fresh('new')]))
      assert.ok(joined <= sumOver((count) => Math.floor(count / more)) + uneven(more), `${joined}`)
      if (names.length === 1) return
      const leaver = names[seed % names.length] as string
      const left = moved(
        before,
        assignTasks(
          tasks,
          holding(before, 1).filter(({ worker }) => worker !== leaver),
        ),
      )
      assert.ok(left <= (before.get(leaver)?.length ?? 0) + uneven(names.length - 1), `${left}`)
    }),
    { numRuns: 1_000 },
  )
})

test('a task goes to the member with the newest state of it', () => {
  const members: Assignee[] = [
    { worker: 'a', localState: { 'orders/0': 4, 'orders/1': 9 } },
    { worker: 'b', localState: { 'orders/0': 5, 'orders/1': 8 } },
  ]
  assert.deepEqual(
    assignTasks(['orders/0', 'orders/1'], members),
    new Map([
      ['a', ['orders/1']],
      ['b', ['orders/0']],
    ]),
  )
})

test('state of checkpoint 0 counts', () => {
  const members: Assignee[] = [
    { worker: 'a', localState: { 'orders/1': 0 } },
    { worker: 'b', localState: { 'orders/0': 0 } },
  ]
  assert.deepEqual(assignTasks(['orders/0', 'orders/1'], members).get('a'), ['orders/1'])
})

test('a worker that comes back is given what it still has an older state of', () => {
  const back = ['orders/4', 'orders/1']
  const members: Assignee[] = [
    { worker: 'stayed', localState: Object.fromEntries(tasksOf([6]).map((task) => [task, 20])) },
    { worker: 'back', localState: Object.fromEntries(back.map((task) => [task, 12])) },
  ]
  const given = assignTasks(tasksOf([6]), members).get('back') ?? []
  assert.equal(given.length, 3)
  for (const task of back) assert.ok(given.includes(task), String(given))
})

test('co-partitioned inputs of a task stay together wherever their state lies', () => {
  const tasks = [0, 1, 2, 3].flatMap((partition): AssignableTask[] => [
    { task: `orders/${partition}`, group: `p${partition}` },
    { task: `late/${partition}`, group: `p${partition}` },
  ])
  const members: Assignee[] = [
    { worker: 'a', localState: { 'orders/0': 3, 'late/1': 3 } },
    { worker: 'b', localState: { 'late/0': 2, 'orders/1': 4 } },
  ]
  const assignment = assignTasks(tasks, members)
  assert.deepEqual(
    assignment.get('a')?.filter((task) => task.endsWith('/0')),
    ['orders/0', 'late/0'],
  )
  assert.deepEqual(
    assignment.get('b')?.filter((task) => task.endsWith('/1')),
    ['orders/1', 'late/1'],
  )
})

test('without tasks every member has an entry, without members nothing can be divided', () => {
  assert.deepEqual(assignTasks([], fresh('a')), new Map([['a', []]]))
  assert.deepEqual(assignTasks([], []), new Map())
  assert.throws(() => assignTasks(['orders/0'], []), /at least one member/)
})
