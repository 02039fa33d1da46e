import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changesOf } from '../../../checkpoint/segment/testing.ts'
import { isComplete, Scenario } from '../scenario.ts'
import { World } from '../world.ts'
import { stateViolation } from './stored-state.ts'

test('the state on a disk is that of the checkpoint that its markers name, or something is wrong', async () => {
  const world = new World(1)
  const { simulation, kafka, storage, checker, disks } = world
  const scenario = new Scenario(world, { records: 50, partitions: 2, keys: 4, intervalMs: 10 })
  const worker = world.start(0)
  assert.ok(await simulation.run(() => isComplete(scenario, kafka), { untilMs: 60_000 }))
  worker.stop()
  assert.ok(await simulation.run(() => worker.end !== undefined, { untilMs: 120_000 }))
  const disk = disks.get('disk 0')!
  const check = () => stateViolation(disk, storage.files, checker.view.retained)
  assert.equal(await check(), undefined)
  disk.write((backend) => backend.apply([changesOf('counts-by-key/0', [['newer', 'than the checkpoint', 0]])], new Map()))
  assert.match((await check()) ?? '', /disk 0 holds of counts-by-key\/0 at checkpoint \d+.*"newer"=than the checkpoint/)
})
