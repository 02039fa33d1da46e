/** One seed: a world that goes wrong for a while, then must come right. */
import { isMillraceError } from '../../common/errors.ts'
import { Acts } from './acts.ts'
import { Disturbances } from './disturbances.ts'
import { unexpectedError } from './expected-errors.ts'
import { savepointViolation } from './invariants/savepoint-content.ts'
import { stateViolation } from './invariants/stored-state.ts'
import { committedOutput, isComplete, Scenario, violation } from './scenario.ts'
import { shapeOf } from './shape.ts'
import { World } from './world.ts'

export interface SeedResult {
  readonly seed: number
  /** Undefined: nothing. */
  readonly wrong: string | undefined
  readonly digest: string
  readonly events: number
  readonly simulatedMs: number
  readonly world: World
}

const CHECK_EVERY_MS = 500
const DISTURBED_MS = 13_000
/** After the last fault: for rebalances, restarts and salvages. */
const PATIENCE_MS = 600_000

export async function runSeed(seed: number, { keepTrace = false } = {}): Promise<SeedResult> {
  const shape = shapeOf(seed)
  const world = new World(seed, { keepTrace, ...shape })
  for (const name of shape.names) world.coverage.add(`world: ${name}`)
  world.kafka.transactions.times.expiryCheckMs = 1_000
  const { simulation, kafka } = world
  const scenario = new Scenario(world, { records: 220, partitions: 3, keys: 8, intervalMs: 50 })
  const acts = new Acts(world, scenario, shape)
  for (let machine = 0; machine < 3; machine++) acts.startOn(machine)
  const disturbances = new Disturbances(acts, DISTURBED_MS)
  disturbances.start()
  let wrong: string | undefined
  let checkAtMs = 0
  const isDone = (): boolean => {
    if (world.bugs.length > 0) wrong = world.bugs[0]
    if (wrong !== undefined) return true
    if (simulation.nowMs < checkAtMs) return false
    checkAtMs = simulation.nowMs + CHECK_EVERY_MS
    scenario.rewinds = stepsBack(world)
    wrong = violation(scenario, kafka)
    const isOver = disturbances.isOver && acts.rewinding === 0
    if (wrong !== undefined || (isOver && hasCome(world, scenario))) return true
    if (isOver) keepUp(world)
    return false
  }
  // Somebody looks even where nothing happens any more.
  const look = () => void simulation.after(null, CHECK_EVERY_MS, 'look', look)
  look()
  const isDrained = await simulation.run(isDone, { untilMs: DISTURBED_MS + PATIENCE_MS })
  if (wrong === undefined && !isDrained) wrong = `it has not drained: ${stateOf(world, scenario)}`
  if (wrong === undefined) wrong = await stopAll(world)
  scenario.rewinds = stepsBack(world)
  wrong ??= world.bugs[0] ?? violation(scenario, kafka) ?? unexpectedError(world, shape)
  wrong ??= (await stateOnDisks(world)) ?? (await contentOfSavepoints(world, scenario))
  coverEnds(world)
  const { digest, eventCount: events, nowMs: simulatedMs } = simulation
  return { seed, wrong, digest, events, simulatedMs, world }
}

/** How often jobs went back: what they had put out behind that comes again. */
export function stepsBack({ checkers }: World): number {
  return [...checkers.values()].reduce((sum, checker) => sum + checker.stepsBack, 0)
}

export function coverEnds({ coverage, checkers, workers, disks }: World): void {
  for (const { recordCounts, failureCounts } of checkers.values()) {
    for (const [type, count] of recordCounts) coverage.add(`log: ${type}`, count)
    for (const [code, count] of failureCounts) coverage.add(`epoch failed: ${code}`, count)
  }
  for (const { end, status } of workers) {
    if (end?.ok === false) coverage.add(`worker failed: ${isMillraceError(end.error) ? end.error.code : end.error.name}`)
    coverage.add('merges', status.compaction.merges)
  }
  coverage.add('machines', disks.size)
}

/** All that was written is counted; or nobody goes on, because the topic is another one. */
function hasCome(world: World, scenario: Scenario): boolean {
  if (!scenario.isReplaced) return isComplete(scenario, world.kafka)
  const last = world.workers.at(-1)?.end
  return last?.ok === false && isMillraceError(last.error, 'MR_SOURCE_REPLACED')
}

export async function stateOnDisks({ disks, storage, checkers }: World): Promise<string | undefined> {
  const retained = [...checkers.values()].flatMap(({ view }) => view.retained)
  for (const disk of disks.values()) {
    const wrong = await stateViolation(disk, storage.files, retained)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

/** Of those that nobody has deleted. */
export async function contentOfSavepoints(
  { shelf, storage, coverage }: World,
  scenario: Scenario,
): Promise<string | undefined> {
  for (const saved of shelf.all) {
    if (Object.keys(saved.metadata.inFlight).length > 0) coverage.add('a savepoint with records in flight')
    const wrong = await savepointViolation(storage.files, shelf.folderOf(saved.record.uri), scenario)
    if (wrong !== undefined) return `${saved.record.uri}: ${wrong}`
  }
  return undefined
}

/** What runs the processes starts one again that has ended. */
export function keepUp(world: World): void {
  if (world.running.length === 0) world.start(0)
}

export async function stopAll(world: World): Promise<string | undefined> {
  const { simulation, running } = world
  for (const worker of running) worker.stop()
  const isStopped = () => running.every((worker) => worker.end !== undefined)
  if (await simulation.run(isStopped, { untilMs: simulation.nowMs + 120_000 })) return undefined
  return `not stopped: ${running.filter(({ end }) => end === undefined).map(({ name, status }) => `${name} ${status.phase}`)}`
}

export function stateOf(world: World, scenario: Scenario): string {
  let rows = 0
  for (const own of committedOutput(world.kafka).values()) rows += own.length
  const workers = world.workers
    .filter(({ process, end }) => process.isAlive || end?.ok === false)
    .map(({ name, status, end }) => `${name} ${end?.ok === false ? end.error.message : status.phase}`)
  return `${rows} of ${scenario.written.length} at ${Math.round(world.simulation.nowMs)} ms; ${workers.join('; ')}`
}
