/** How epochs begin and end, in the simulated world. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { workersOf } from '../../checkpoint/protocol/coordination.ts'
import { appendByHand, foldControlTopic } from './control-topic.ts'
import { isComplete, Scenario, violation } from './scenario.ts'
import { World, type WorldOptions } from './world.ts'

class Scene {
  readonly world: World
  readonly scenario: Scenario
  /** JoinGroup requests that have arrived. */
  joins = 0

  constructor(workers: number, options: WorldOptions = {}, records = 300) {
    this.world = new World(1, options)
    const { simulation } = this.world
    simulation.beforeEvent = (owner, label) => {
      if (owner === null && label === 'JoinGroup') this.joins++
    }
    this.scenario = new Scenario(this.world, { records, partitions: 2, keys: 6, intervalMs: 10 })
    for (let machine = 0; machine < workers; machine++) this.world.start(machine)
  }

  get view() {
    return foldControlTopic(this.world.kafka)
  }

  /** False: it has not come true. */
  async until(condition: () => boolean, everyMs = 50): Promise<boolean> {
    const { simulation } = this.world
    let lookAtMs = 0
    const isDone = () => {
      if (simulation.nowMs < lookAtMs) return false
      lookAtMs = simulation.nowMs + everyMs
      return condition()
    }
    return simulation.run(isDone, { untilMs: simulation.nowMs + 60_000 })
  }

  /** From now on no call is answered; returns how to mend it. */
  stopStorage(): () => void {
    const { storage } = this.world
    const { conditions } = storage
    storage.conditions = { ...conditions, latencyMs: { least: 1e7, most: 1e7 }, deadlineMs: 1e9 }
    return () => {
      storage.conditions = conditions
    }
  }

  /** All workers run an epoch that has completed a checkpoint. */
  async running(): Promise<void> {
    const { world } = this
    const isRunning = () =>
      world.workers.every(({ status }) => status.phase === 'running') && this.view.restorePoint?.epoch === this.view.epoch
    assert.ok(await this.until(isRunning), 'it runs')
  }

  async drains(): Promise<void> {
    const { kafka } = this.world
    assert.ok(await this.until(() => isComplete(this.scenario, kafka)), 'all input has become output')
    assert.equal(violation(this.scenario, kafka), undefined)
    assert.deepEqual(this.world.bugs, [])
  }
}

test('whoever reads a newer claim stops at once, and the leader claims again, without a rebalance', async () => {
  const scene = new Scene(2)
  await scene.running()
  const { view, joins } = scene
  const { epoch } = view
  const claim = view.claim ?? assert.fail('a claim')
  appendByHand(scene.world.kafka, { ...claim, nonce: 'foreign', previousEpoch: epoch, members: [], assignment: {} })
  assert.ok(
    await scene.until(() => scene.view.epoch > epoch && scene.view.claim?.nonce !== 'foreign'),
    'the leader claims again',
  )
  await scene.drains()
  assert.equal(scene.joins, joins)
})

test('a failure that one worker tells of ends the epoch for all, and the next begins without a rebalance', async () => {
  const scene = new Scene(3)
  await scene.running()
  const { view, joins } = scene
  const { epoch } = view
  const [worker = ''] = workersOf(view)
  const at = '2026-01-01T00:00:00Z'
  appendByHand(scene.world.kafka, { type: 'worker-failed', epoch, worker, code: 'X', cause: 'x', verdict: 'restart', at })
  assert.ok(await scene.until(() => scene.view.epoch > epoch && scene.view.epochState === 'started'), 'the next epoch starts')
  await scene.drains()
  assert.equal(scene.joins, joins)
})

test('a job that has failed ends in every copy', async () => {
  const scene = new Scene(3)
  await scene.running()
  const { epoch } = scene.view
  const at = '2026-01-01T00:00:00Z'
  const cause = 'never again'
  appendByHand(scene.world.kafka, { type: 'worker-failed', epoch, worker: 'w', code: 'X', cause, verdict: 'final', at })
  const { workers } = scene.world
  await scene.until(() => workers.every(({ end }) => end !== undefined))
  for (const { name, end } of workers) {
    assert.ok(end?.ok === false, `${name} has ended`)
    assert.match(end.error.message, /never again/)
  }
})

test('an epoch starts when all its workers are ready, and not before', async () => {
  const scene = new Scene(3)
  await scene.drains()
  let starts = 0
  foldControlTopic(scene.world.kafka, ({ type }, view) => {
    if (type !== 'epoch-started') return
    starts++
    assert.deepEqual([...view.ready.keys()].sort(), [...workersOf(view)].sort())
  })
  assert.ok(starts > 0)
})

test('a start for which one worker never gets ready fails by the name of the step', async () => {
  const scene = new Scene(3, { config: { restoreTimeout: 1_000, restartStrategy: 'none' } })
  assert.ok(await scene.until(() => scene.view.epochState === 'recovered', 0), 'it has recovered')
  const { epoch } = scene.view
  // For less time than the group waits before it gives it up.
  scene.world.workers[2]?.process.pause()
  assert.ok(await scene.until(() => scene.view.failure !== undefined || scene.view.epoch !== epoch), 'it ends')
  assert.equal(scene.view.failure?.cause, 'the start of all workers has not ended within 1000 ms')
})

test('planning that comes to no end fails by its name', async () => {
  const scene = new Scene(1, { config: { recoveryTimeout: 3_000, restartStrategy: 'none' } })
  const [worker] = scene.world.workers
  // Storage answers the check of the start, and nothing after it.
  assert.ok(await scene.until(() => scene.joins > 0, 0), 'it joins')
  scene.stopStorage()
  await scene.until(() => worker?.end !== undefined)
  assert.ok(worker?.end?.ok === false, 'it ends')
  assert.equal(worker.end.error.message, 'planning the tasks has not ended within 3000 ms')
})

test('where no final checkpoint can come, members join again before the group gives them up', async () => {
  const scene = new Scene(2)
  await scene.running()
  const { world, view, joins } = scene
  const { epoch } = view
  world.start(2)
  assert.ok(await scene.until(() => scene.joins > joins, 0), 'the third joins')
  const restart = scene.stopStorage()
  assert.ok(await scene.until(() => scene.view.failure !== undefined || scene.view.epoch !== epoch), 'the epoch ends')
  assert.equal(scene.view.failure?.code, 'MR_FINAL_CHECKPOINT_MISSED')
  restart()
  assert.ok(await scene.until(() => scene.view.epoch !== epoch), 'the next begins')
  const members = scene.view.claim?.members.map(({ memberId }) => memberId) ?? []
  assert.equal(members.length, 3)
  for (const { memberId } of view.claim?.members ?? []) assert.ok(members.includes(memberId), 'they are members as they were')
})

test('where no final checkpoint can come, because a member is gone, the epoch fails at once', async () => {
  const scene = new Scene(3)
  await scene.running()
  const { epoch } = scene.view
  const { simulation, workers } = scene.world
  workers[2]?.process.crash()
  assert.ok(await scene.until(() => scene.view.failure !== undefined || scene.view.epoch !== epoch), 'the epoch ends')
  assert.equal(scene.view.failure?.code, 'MR_WORKER_GONE')
  const atMs = simulation.nowMs
  assert.ok(await scene.until(() => scene.view.epoch !== epoch && scene.view.epochState === 'started'), 'the next begins')
  assert.ok(simulation.nowMs - atMs < 2_000, `after ${Math.round(simulation.nowMs - atMs)} ms`)
  assert.equal(workersOf(scene.view).length, 2)
  await scene.drains()
})
