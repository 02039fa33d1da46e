import assert from 'node:assert/strict'
import { describe as suite, test } from 'node:test'
import { encodeMetadata, MERGED_VERSION } from '../checkpoint/metadata.ts'
import { StateChangesBuilder } from '../records/state-changes-builder.ts'
import { stateKey, statePrefix } from '../state/state-key.ts'
import { openJobCheckpoint, openSnapshot, placeOf } from './open-snapshot.ts'
import { APP, CheckpointScene, describe, stored } from './testing.ts'

async function scene(): Promise<CheckpointScene> {
  const changes = (round: number) => {
    const builder = new StateChangesBuilder('in/0')
    for (let i = 0; i < 2000; i++) builder.put(stateKey(statePrefix(1), String(i).padStart(5, '0')), stored(`${i * round}`))
    return [builder.build()]
  }
  return (await new CheckpointScene([describe(1)]).cut(changes(1))).cut(changes(2))
}

const readAll = async (scene: CheckpointScene) => Array.fromAsync((await scene.open()).operator('op').value('s1'))

suite('state that cannot be read', () => {
  test('is named: a damaged slice', async () => {
    const damaged = await scene()
    const { path, offset } = { path: damaged.metadata!.segments[0]!.path, offset: damaged.metadata!.chains['in/0']![0]!.offset }
    const file = Buffer.from(damaged.storage.files.get(path)!)
    file[offset + 60]! ^= 1
    damaged.storage.files.set(path, file)
    await assert.rejects(readAll(damaged), {
      code: 'MR_SEGMENT_CORRUPT',
      message: /0000000001-e1-w0\.seg \(task in\/0, block 0\)/,
    })
    await assert.rejects((await damaged.open()).operator('op').value('s1').get('00007'), { code: 'MR_SEGMENT_CORRUPT' })
    assert.equal(await (await scene()).open().then((state) => state.operator('op').value('s1').get('00007')), '14')
  })

  test('a file that is missing, perhaps since the job has dropped the checkpoint', async () => {
    const missing = await scene()
    missing.storage.files.delete(missing.metadata!.segments[0]!.path)
    await assert.rejects(readAll(missing), {
      code: 'MR_STORAGE_NOT_FOUND',
      message: /a file of checkpoint 2 is gone/,
      remedy: /take a newer one/,
    })
  })

  test('metadata that is missing, damaged, or of a later version', async () => {
    const { storage, metadata, path } = await scene()
    await assert.rejects(openSnapshot(storage, 'orders/checkpoints/0000000099-e1/metadata.json'), {
      code: 'MR_CLI_NO_CHECKPOINT',
    })
    await assert.rejects(openSnapshot(storage, 'metadata.json'), { code: 'MR_CLI_NO_CHECKPOINT' })
    storage.files.set(path, encodeMetadata({ ...metadata!, version: MERGED_VERSION + 1 }).bytes)
    await assert.rejects(openSnapshot(storage, path), { code: 'MR_CHECKPOINT_UNKNOWN_VERSION', message: /version 3/ })
    storage.files.set(path, Buffer.from('{'))
    await assert.rejects(openSnapshot(storage, path), { code: 'MR_CHECKPOINT_CORRUPT' })
    storage.files.set('metadata.json', encodeMetadata(metadata!).bytes)
    await assert.rejects(openSnapshot(storage, 'metadata.json'), { code: 'MR_SAVEPOINT_CORRUPT' })
  })

  test('a value that its codec cannot read, with its key', async () => {
    const builder = new StateChangesBuilder('in/0')
    builder.put(stateKey(statePrefix(1), 'a'), Buffer.from([1, 0xdb, 0, 0, 1, 0]))
    builder.put(stateKey(statePrefix(1), 'b'), Buffer.from([9, 1]))
    const own = await new CheckpointScene([describe(1)]).cut([builder.build()])
    const values = (await own.open()).operator('op').value('s1')
    await assert.rejects(values.get('a'), { code: 'MR_STATE_VALUE_UNREADABLE', message: /op\/s1 .*bytes 61 in in\/0/ })
    await assert.rejects(values.get('b'), { code: 'MR_STATE_VALUE_UNREADABLE', message: /version 9; the metadata lists 1/ })
  })

  test('a state that is not there, or of another kind', async () => {
    const state = await (await scene()).open()
    assert.throws(() => state.operator('other'), { code: 'MR_STATE_NOT_FOUND', message: /operator other; it holds op\/s1/ })
    assert.throws(() => state.operator('op').value('s2'), { code: 'MR_STATE_NOT_FOUND', message: /op\/s2; it holds op\/s1/ })
    assert.throws(() => state.operator('op').map('s1'), {
      code: 'MR_STATE_NOT_FOUND',
      message: /kind value, not map/,
      remedy: /value\(\)/,
    })
  })
})

test('a place is that of a checkpoint or of a savepoint', () => {
  const checkpoint = 'orders/checkpoints/0000000007-e5'
  for (const uri of [`s3://b/jobs/${checkpoint}`, `s3://b/jobs/${checkpoint}/`, `s3://b/jobs/${checkpoint}/metadata.json`]) {
    assert.deepEqual(placeOf(uri), { root: 's3://b/jobs', path: `${checkpoint}/metadata.json` })
  }
  assert.deepEqual(placeOf(`s3://b/${checkpoint}`), { root: 's3://b', path: `${checkpoint}/metadata.json` })
  for (const uri of ['file:///x/sp/1', 'file:///x/sp/1/', 'file:///x/sp/1/metadata.json']) {
    assert.deepEqual(placeOf(uri), { root: 'file:///x/sp/1', path: 'metadata.json' })
  }
})

test('of a job the newest checkpoint is taken, or the one of a number', async () => {
  const { storage } = await scene()
  assert.equal((await openJobCheckpoint(storage, { applicationId: APP, checkpoint: undefined })).checkpoint, 2)
  assert.equal((await openJobCheckpoint(storage, { applicationId: APP, checkpoint: 1 })).checkpoint, 1)
  await assert.rejects(openJobCheckpoint(storage, { applicationId: APP, checkpoint: 5 }), {
    code: 'MR_CLI_NO_CHECKPOINT',
    message: 'there is no checkpoint 5 of orders in memory:; there are 1, 2',
  })
  await assert.rejects(openJobCheckpoint(storage, { applicationId: 'else', checkpoint: undefined }), {
    message: 'there is no checkpoint of else in memory:',
  })
})
