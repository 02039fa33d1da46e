/** One seed of a schedule: a world in which all is well but for what the schedule does to it. */
import { toError } from '../../common/errors.ts'
import { Adversary } from './adversary.ts'
import {
  contentOfSavepoints,
  coverEnds,
  keepUp,
  type SeedResult,
  stateOf,
  stateOnDisks,
  stepsBack,
  stopAll,
} from './run-seed.ts'
import { isComplete, Scenario, violation } from './scenario.ts'
import type { Schedule } from './schedules/schedule.ts'
import { World } from './world.ts'

const CHECK_EVERY_MS = 500
/** For the schedule; and for the job to come right behind it. */
const PATIENCE_MS = 120_000

export async function runSchedule(schedule: Schedule, seed: number, { keepTrace = false } = {}): Promise<SeedResult> {
  const world = new World(seed, { ...schedule.world, keepTrace })
  const { simulation, kafka } = world
  kafka.transactions.times.expiryCheckMs = 1_000
  const scenario = new Scenario(world, { records: 300, partitions: 3, keys: 8, intervalMs: 20, ...schedule.input })
  for (let machine = 0; machine < schedule.workers; machine++) world.start(machine)
  const adversary = new Adversary(world)
  let isOver = false
  let wrong: string | undefined
  const leave = () => {
    adversary.leave()
    isOver = true
  }
  schedule.strike(adversary).then(leave, (error) => {
    wrong ??= `the schedule itself fails: ${toError(error).message}`
  })
  let checkAtMs = 0
  const isDone = (): boolean => {
    wrong ??= world.bugs[0]
    if (wrong !== undefined) return true
    if (simulation.nowMs < checkAtMs) return false
    checkAtMs = simulation.nowMs + CHECK_EVERY_MS
    scenario.rewinds = stepsBack(world)
    wrong = violation(scenario, kafka)
    if (isOver) keepUp(world)
    return wrong !== undefined || (isOver && isComplete(scenario, kafka))
  }
  const isDrained = await simulation.run(isDone, { untilMs: 2 * PATIENCE_MS })
  if (!isOver) wrong ??= `the moment of the schedule has not come: it waits for ${adversary.waitsFor}`
  if (!isDrained) wrong ??= `it has not drained: ${stateOf(world, scenario)}`
  wrong ??= await stopAll(world)
  scenario.rewinds = stepsBack(world)
  wrong ??= world.bugs[0] ?? violation(scenario, kafka) ?? (await stateOnDisks(world))
  wrong ??= await contentOfSavepoints(world, scenario)
  coverEnds(world)
  const { digest, eventCount: events, nowMs: simulatedMs } = simulation
  return { seed, wrong, digest, events, simulatedMs, world }
}
