/**
 * Who does what: divides the tasks of an epoch among the members of the group. Pure, and the same for the same input.
 *
 * - Tasks of one group (co-partitioned inputs that must be read by one worker) stay together: a unit.
 * - Every stage is dealt evenly, so that nobody gets all tasks of an expensive one, and so are the loads: they differ by
 *   at most the heaviest unit (even-shares.ts).
 * - Within that, as many units as possible go to the member that has their newest state.
 *
 * What a change moves. Let n be the units of a class (a stage, in general), M the members behind the change, r = n mod M.
 * One class: a member that joins takes floor(n / M) units and nothing else moves; of one that leaves exactly its own
 * move. (With h ∈ {f, f + 1} units each before, those that hold more than the new floor are at least as many as there are
 * places above it when one joins, and at most as many when one leaves: so nobody gives away what it may keep.)
 * Several classes: at most min(r, M − r) more for each of them, since two ways of giving r members one more differ for
 * the worse in at most so many members; nothing more where M divides n.
 */
import { assert, defined } from '../common/assert.ts'
import { parseTaskKey, type TaskKey } from '../records/task-id.ts'
import { evenShares } from './even-shares.ts'

export interface AssignableTask {
  readonly task: TaskKey
  /** Above 0; 1 by default. */
  readonly weight?: number
  /** Tasks of the same group go to the same member. */
  readonly group?: string
}

export interface Assignee {
  readonly worker: string
  /** Tasks whose state it has, and the checkpoint that this state is. */
  readonly localState: Readonly<Record<TaskKey, number>>
}

/** Worker → its tasks, in the order given; every worker has an entry. */
export type Assignment = ReadonlyMap<string, readonly TaskKey[]>

/**
 * @param members in a stable order: it decides where nothing else does. A worker named twice counts once.
 * @param previous decides between members whose state is equally new
 */
export function assignTasks(
  tasks: ReadonlyArray<TaskKey | AssignableTask>,
  members: readonly Assignee[],
  previous?: Assignment,
): Assignment {
  const assignees = [...new Map(members.map((member) => [member.worker, member])).values()]
  assert(assignees.length > 0 || tasks.length === 0, 'tasks are divided among at least one member')
  const units = toUnits(tasks, assignees, previous)
  const classes = [...Map.groupBy(units, (unit) => unit.classKey).values()]
  const shares =
    classes.length === 0
      ? []
      : evenShares(
          classes.map((of) => describe(of, assignees.length)),
          assignees.length,
        )
  const memberOf = new Map<TaskKey, number>()
  classes.forEach((of, k) => {
    for (const [unit, member] of placeUnits(of, defined(shares[k], 'shares of a class'))) {
      for (const task of unit.tasks) memberOf.set(task, member)
    }
  })
  const divided = assignees.map(({ worker }): [string, TaskKey[]] => [worker, []])
  for (const task of tasks) {
    const key = typeof task === 'string' ? task : task.task
    defined(divided[defined(memberOf.get(key), `member for ${key}`)], 'member')[1].push(key)
  }
  return new Map(divided)
}

interface Unit {
  readonly tasks: readonly TaskKey[]
  readonly weight: number
  /** Alike are units of the same stages and the same weight. */
  readonly classKey: string
  /** For each member how new its state is; 0: it has none. */
  readonly newness: readonly number[]
  /** Where it wants to be; -1: it doesn't matter. */
  readonly home: number
}

function toUnits(
  tasks: ReadonlyArray<TaskKey | AssignableTask>,
  members: readonly Assignee[],
  previous: Assignment | undefined,
): Unit[] {
  const all = tasks.map((task): AssignableTask => (typeof task === 'string' ? { task } : task))
  assert(new Set(all.map(({ task }) => task)).size === all.length, 'a task is divided once')
  const owner = new Map([...(previous ?? [])].flatMap(([worker, keys]) => keys.map((key): [TaskKey, string] => [key, worker])))
  // A group's name can't be taken for a task's: those have no prefix.
  const grouped = Map.groupBy(all, ({ task, group }) => (group === undefined ? `task ${task}` : `group ${group}`))
  return [...grouped.values()].map((of) => {
    const keys = of.map(({ task }) => task)
    const weight = of.reduce((sum, { weight: one = 1 }) => sum + one, 0)
    assert(
      of.every(({ weight: one = 1 }) => one > 0),
      'the weight of a task is above 0',
    )
    const stages = keys.map((key) => parseTaskKey(key).stage).sort()
    const newness = members.map(({ localState }) => sumOf(keys, (key) => 1 + (localState[key] ?? -1)))
    const owned = members.map(({ worker }) => sumOf(keys, (key) => (owner.get(key) === worker ? 1 : 0)))
    return { tasks: keys, weight, classKey: JSON.stringify([weight, stages]), newness, home: homeOf(newness, owned) }
  })
}

function homeOf(newness: readonly number[], owned: readonly number[]): number {
  let home = -1
  newness.forEach((own, member) => {
    const before = home < 0 ? 0 : (newness[home] as number)
    const ownedBefore = home < 0 ? 0 : (owned[home] as number)
    if (own > before || (own === before && (owned[member] as number) > ownedBefore)) home = member
  })
  return home
}

function describe(units: readonly Unit[], members: number) {
  const wanted = new Array<number>(members).fill(0)
  for (const { home } of units) if (home >= 0) wanted[home] = (wanted[home] as number) + 1
  return { weight: defined(units[0], 'unit of a class').weight, units: units.length, wanted }
}

/** Deals the units of one class: `shares` says how many each member gets. */
function placeUnits(units: readonly Unit[], shares: readonly number[]): ReadonlyArray<[Unit, number]> {
  const placed: [Unit, number][] = []
  const wanderers: Unit[] = units.filter(({ home }) => home < 0)
  const atHome = shares.map((_, member) => units.filter(({ home }) => home === member))
  // Who has places left for others: known before anybody gives units away.
  const free = atHome.map((own, member) => Math.max(0, (shares[member] as number) - own.length))
  const bestElsewhere = (unit: Unit) => Math.max(0, ...unit.newness.filter((_, member) => (free[member] as number) > 0))
  const mostAtHomeElsewhere = (a: Unit, b: Unit) => bestElsewhere(b) - bestElsewhere(a)
  atHome.forEach((own, member) => {
    const surplus = Math.max(0, own.length - (shares[member] as number))
    // Those that another member has an older state of lose least.
    const leaving = new Set(own.toReversed().sort(mostAtHomeElsewhere).slice(0, surplus))
    for (const unit of own) {
      if (leaving.has(unit)) wanderers.push(unit)
      else placed.push([unit, member])
    }
  })
  for (const unit of wanderers.sort(mostAtHomeElsewhere)) {
    let best = -1
    free.forEach((places, member) => {
      if (places > 0 && (best < 0 || (unit.newness[member] as number) > (unit.newness[best] as number))) best = member
    })
    assert(best >= 0, 'there is a place for every unit')
    free[best] = (free[best] as number) - 1
    placed.push([unit, best])
  }
  return placed
}

function sumOf<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((sum, item) => sum + value(item), 0)
}
