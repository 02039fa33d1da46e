import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  encodeSavepoint,
  SAVEPOINT_METADATA,
  type SavepointMetadata,
} from '../../../checkpoint/savepoint/savepoint-metadata.ts'
import { askByHand } from '../ask-by-hand.ts'
import { Scenario } from '../scenario.ts'
import { World } from '../world.ts'
import { savepointViolation } from './savepoint-content.ts'

test('a savepoint is a consistent cut, or something is wrong', async () => {
  const world = new World(1)
  const { simulation, network, storage, checker, shelf } = world
  network.conditions = { ...network.conditions, latencyMs: { least: 0.1, most: 40 } }
  const scenario = new Scenario(world, { records: 900, partitions: 2, keys: 4, intervalMs: 5 })
  world.start(0)
  assert.ok(await simulation.run(() => (checker.view.restorePoint?.checkpoint ?? 0) > 2, { untilMs: 60_000 }))
  askByHand(world, { type: 'savepoint-requested', to: null, isStop: false })
  assert.ok(await simulation.run(() => shelf.all.length > 0, { untilMs: 60_000 }))
  const { record, metadata } = shelf.all[0]!
  const folder = shelf.folderOf(record.uri)
  const put = (changes: Partial<SavepointMetadata>) =>
    storage.files.files.set(`${folder}/${SAVEPOINT_METADATA}`, encodeSavepoint({ ...metadata, ...changes }).bytes)
  const check = async () => (await savepointViolation(storage.files, folder, scenario)) ?? 'nothing'
  assert.equal(await check(), 'nothing')
  put({ inFlight: {} })
  assert.match(await check(), /of partition \d {2}are in flight, and [\d,]+ are read and not counted/)
  put({ tasks: {} })
  assert.match(await check(), /are read and not counted/)
  const { transfers } = metadata.sources
  put({ sources: { transfers: { ...transfers!, positions: { 0: 1, 1: 1 } } } })
  assert.notEqual(await check(), 'nothing')
  put({})
  const { path } = metadata.files[0]!
  storage.files.files.get(`${folder}/${path}`)![20]! ^= 1
  assert.match(await check(), /its SHA-256 differs/)
})
