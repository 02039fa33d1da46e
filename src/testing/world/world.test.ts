import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMillraceError } from '../../common/errors.ts'
import { isComplete, Scenario, violation } from './scenario.ts'
import { World, type WorldOptions } from './world.ts'

/** Workers start, the input is written, the job drains, everybody is asked to stop. */
async function run(seed: number, workers: number, options: WorldOptions = {}) {
  const world = new World(seed, options)
  const scenario = new Scenario(world, { records: 300, partitions: 2, keys: 6, intervalMs: 10 })
  for (let machine = 0; machine < workers; machine++) world.start(machine)
  const { simulation, kafka } = world
  let checkAtMs = 0
  const isDone = () => {
    if (simulation.nowMs < checkAtMs) return false
    checkAtMs = simulation.nowMs + 500
    return isComplete(scenario, kafka) || violation(scenario, kafka) !== undefined
  }
  const isDrained = await simulation.run(isDone, { untilMs: 300_000 })
  assert.equal(violation(scenario, kafka), undefined)
  assert.ok(isDrained, `seed ${seed}: the job has not drained after ${simulation.nowMs} ms`)
  for (const worker of world.workers) worker.stop()
  await simulation.run(() => world.workers.every((worker) => worker.end !== undefined), { untilMs: simulation.nowMs + 60_000 })
  for (const { end } of world.workers) assert.deepEqual(end, { ok: true })
  assert.equal(violation(scenario, kafka), undefined)
  return world
}

test('one worker counts everything once, and a seed replays exactly', async () => {
  const first = await run(1, 1)
  const second = await run(1, 1)
  assert.equal(first.simulation.digest, second.simulation.digest)
  assert.ok(first.workers[0]!.status.checkpoints.completed > 10)
})

test('who is behind what is left of the control log ends by name, and the others go on', async () => {
  const config = { checkpointInterval: 100 }
  const world = new World(3, { config, bounds: { summaryEvery: 10 } })
  const scenario = new Scenario(world, { records: 300, partitions: 2, keys: 6, intervalMs: 10 })
  const [asleep] = [world.start(0), world.start(1)]
  const { simulation, kafka, checker } = world
  const summaries = () => checker.recordCounts.get('summary') ?? 0
  assert.ok(await simulation.run(() => checker.view.epochState === 'started', { untilMs: 60_000 }))
  asleep?.process.pause()
  const before = summaries()
  assert.ok(await simulation.run(() => summaries() > before + 2, { untilMs: 120_000 }))
  asleep?.process.resume()
  assert.ok(await simulation.run(() => asleep?.end !== undefined, { untilMs: 180_000 }))
  assert.equal(asleep?.end?.ok === false && isMillraceError(asleep.end.error, 'MR_CONTROL_LOG_BEHIND'), true)
  assert.ok(await simulation.run(() => isComplete(scenario, kafka), { untilMs: 240_000 }))
  assert.deepEqual([world.bugs, violation(scenario, kafka)], [[], undefined])
})

test('three workers share the work', async () => {
  const world = await run(2, 3)
  assert.equal((await run(2, 3)).simulation.digest, world.simulation.digest)
})
