/** One seed: a world that goes wrong for a while, then must come right. */
import { Disturbances } from './disturbances.ts'
import { stateViolation } from './invariants/stored-state.ts'
import { committedOutput, isComplete, Scenario, violation } from './scenario.ts'
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
/** After the last fault: for rebalances, restarts and salvages. */
const PATIENCE_MS = 600_000

export async function runSeed(seed: number, { keepTrace = false } = {}): Promise<SeedResult> {
  const world = new World(seed, { keepTrace, ...shapeOf(seed) })
  world.kafka.transactions.times.expiryCheckMs = 1_000
  const { simulation, kafka } = world
  const scenario = new Scenario(world, { records: 300, partitions: 3, keys: 8, intervalMs: 50 })
  for (let machine = 0; machine < 3; machine++) world.start(machine)
  const disturbances = new Disturbances(world, {
    machines: 4,
    lastMs: 20_000,
    intervalMs: [150, 400, 1_200][seed % 3]!,
    disasters: seed % 4 === 0 ? 2 : 0,
  })
  disturbances.start()
  let wrong: string | undefined
  let checkAtMs = 0
  const isDone = (): boolean => {
    if (world.bugs.length > 0) wrong = world.bugs[0]
    if (wrong !== undefined) return true
    if (simulation.nowMs < checkAtMs) return false
    checkAtMs = simulation.nowMs + CHECK_EVERY_MS
    wrong = violation(scenario, kafka)
    if (disturbances.isOver) keepUp(world)
    return wrong !== undefined || (disturbances.isOver && isComplete(scenario, kafka))
  }
  const isDrained = await simulation.run(isDone, { untilMs: 31_000 + PATIENCE_MS })
  if (wrong === undefined && !isDrained) wrong = `it has not drained: ${stateOf(world, scenario)}`
  if (wrong === undefined) wrong = await stopAll(world)
  wrong ??= world.bugs[0] ?? violation(scenario, kafka) ?? (await stateOnDisks(world))
  const { digest, eventCount: events, nowMs: simulatedMs } = simulation
  return { seed, wrong, digest, events, simulatedMs, world }
}

export async function stateOnDisks({ disks, storage, checker }: World): Promise<string | undefined> {
  for (const disk of disks.values()) {
    const wrong = await stateViolation(disk, storage.files, checker.view.retained)
    if (wrong !== undefined) return wrong
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

/** Some seeds with three brokers; some with transactions that expire soon, some with slots that come round soon. */
function shapeOf(seed: number) {
  const brokers = seed % 3 === 0 ? 3 : 1
  switch (seed % 4) {
    case 0:
      return { brokers, config: { checkpointTimeout: 1_000, checkpointTolerableFailures: 2, transactionTimeout: 10_000 } }
    case 1:
      return { brokers, config: { checkpointInterval: 100, checkpointTolerableFailures: 0, transactionSlots: 2 } }
    default:
      return { brokers, config: {} }
  }
}

export function stateOf(world: World, scenario: Scenario): string {
  let rows = 0
  for (const own of committedOutput(world.kafka).values()) rows += own.length
  const workers = world.workers
    .filter(({ process, end }) => process.isAlive || end?.ok === false)
    .map(({ name, status, end }) => `${name} ${end?.ok === false ? end.error.message : status.phase}`)
  return `${rows} of ${scenario.written.length} at ${Math.round(world.simulation.nowMs)} ms; ${workers.join('; ')}`
}
