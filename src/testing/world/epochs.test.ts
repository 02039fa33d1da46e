/** How epochs begin and end, in the simulated world. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ControlRecord } from '../../checkpoint/protocol/control-records.ts'
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
    return foldControlTopic(this.world.kafka).view
  }

  valid(type: ControlRecord['type']): readonly ControlRecord[] {
    const { records } = foldControlTopic(this.world.kafka)
    return records.filter(({ record, isValid }) => isValid && record.type === type).map(({ record }) => record)
  }

  /** False: it has not come true. */
  async until(condition: () => boolean, withinMs = 60_000): Promise<boolean> {
    const { simulation } = this.world
    let lookAtMs = 0
    const isDone = () => {
      if (simulation.nowMs < lookAtMs) return false
      lookAtMs = simulation.nowMs + 50
      return condition()
    }
    return simulation.run(isDone, { untilMs: simulation.nowMs + withinMs })
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

test('a step of the start that does not end fails by its name', async () => {
  for (const [step, config] of [
    ['planning the tasks', { recoveryTimeout: 3_000 }],
    ['the start of all workers', { restoreTimeout: 3_000 }],
  ] as const) {
    const scene = new Scene(2, { config: { ...config, restartStrategy: 'none' } })
    const { world } = scene
    if (step === 'planning the tasks') {
      const { conditions } = world.storage
      world.storage.conditions = { ...conditions, latencyMs: { least: 1e7, most: 1e7 }, deadlineMs: 1e9 }
    } else {
      // One worker never gets ready: it goes on, but what it says does not reach the log.
      assert.ok(await scene.until(() => scene.view.epochState === 'recovered'), 'it has recovered')
      const [, silent] = world.workers
      silent?.process.pause()
    }
    await scene.until(() => world.workers[0]?.end !== undefined || scene.view.failure !== undefined, 30_000)
    const end = world.workers[0]?.end
    const told = end?.ok === false ? end.error.message : scene.view.failure?.cause
    assert.equal(told, `${step} has not ended within 3000 ms`)
  }
})

test('while no final checkpoint can come, the members join again before the group gives them up', async () => {
  const scene = new Scene(2)
  await scene.running()
  const { world } = scene
  const members = scene.view.claim?.members.map(({ memberId }) => memberId)
  const { conditions } = world.storage
  // Storage that takes longer than the group waits.
  world.storage.conditions = { ...conditions, latencyMs: { least: 60_000, most: 60_000 }, deadlineMs: 1e9 }
  const { epoch } = scene.view
  world.start(2)
  assert.ok(await scene.until(() => scene.view.failure !== undefined || scene.view.epoch !== epoch, 20_000), 'it ends')
  assert.equal(scene.view.failure?.code, 'MR_FINAL_CHECKPOINT_MISSED')
  world.storage.conditions = conditions
  assert.ok(await scene.until(() => scene.view.epoch !== epoch), 'the next epoch begins')
  const again = scene.view.claim?.members.map(({ memberId }) => memberId) ?? []
  assert.equal(again.length, 3)
  for (const member of members ?? []) assert.ok(again.includes(member), 'they are the members that they were')
})
