import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative as relativePath } from 'node:path'
import { after, test } from 'node:test'
import { createFileStorage } from '../connectors/file/file-storage.ts'
import { APP, CheckpointScene, describe, stored } from './inspect/testing.ts'
import { compare, openState } from './millrace-state.ts'
import { StateChangesBuilder } from './records/state-changes-builder.ts'
import { stateKey, statePrefix } from './state/state-key.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-state-'))
after(() => rmSync(folder, { recursive: true }))

test('a folder of checkpoints is opened by the name of the job, by a URI, and by a path from here', async () => {
  const scene = new CheckpointScene([describe(1)])
  for (const value of ['old', 'new']) {
    const changes = new StateChangesBuilder('in/0').put(stateKey(statePrefix(1), 'k'), stored(value)).build()
    await scene.cut([changes])
  }
  const storage = createFileStorage(`file://${folder}`)
  for (const [path, bytes] of scene.storage.files) await storage.put(path, [bytes])
  const checkpoints = `file://${folder}`

  const newest = await openState({ appId: APP, checkpoints })
  assert.equal(await newest.operator('op').value<string>('s1').get('k'), 'new')
  const first = await openState({ appId: APP, checkpoints, checkpoint: 1 })
  assert.deepEqual(await Array.fromAsync(first.operator('op').value<string>('s1')), [
    { key: 'k', value: 'old', expiresAtMs: null, version: 1 },
  ])
  const path = join(folder, APP, 'checkpoints', '0000000001-e1')
  const relative = await openState(`file:${relativePath(process.cwd(), path)}`)
  assert.equal(relative.checkpoint, 1)
  assert.deepEqual(await compare(first, relative), [
    { operator: 'op', state: 's1', added: 0, removed: 0, changed: 0, unchanged: 1 },
  ])
  for (const state of [newest, first, relative]) await state[Symbol.asyncDispose]()
  await assert.rejects(openState({ appId: APP, checkpoints, checkpoint: 7 }), { code: 'MR_CLI_NO_CHECKPOINT' })
  await assert.rejects(openState(`file://${folder}/nowhere`), { code: 'MR_CLI_NO_CHECKPOINT' })
  await assert.rejects(openState('orders'), { code: 'MR_CONFIG_INVALID_VALUE' })
})
