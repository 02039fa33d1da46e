/**
 * SIGKILL of the job while it takes a savepoint: behind the checkpoint, in the middle of the copy, and before the metadata.
 * The command says so by name, nothing is lost, and nothing of it is left behind after the next sweep. Under load.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { createFileStorage } from '../../connectors/file/file-storage.ts'
import { auditStorage } from '../../src/checkpoint/storage-audit.ts'
import { startKafka } from '../support/servers.ts'
import { LedgerScene } from './ledger-scene.ts'

const APP = 'kill-savepoint'
const PROGRAM = 'itest/savepoints/killed-program.ts'

test('a job that dies while it takes a savepoint loses nothing and leaves nothing behind', async () => {
  const kafka = await startKafka({ config: { 'group.min.session.timeout.ms': '1000' } })
  try {
    await LedgerScene.play(kafka, APP, async (scene) => {
      await scene.writer.write(2_000)
      const options = { 'session-timeout': '2s' }
      for (const point of ['check', 'state', 'metadata']) {
        const reached = `${scene.folder}/reached-${point}`
        const env = { KILL_AT: point, KILL_REACHED: reached }
        const dying = scene.start({ app: APP, options, env, program: PROGRAM })
        await dying.event('started')
        await scene.whileWriting(async () => {
          const asked = scene.ask('savepoint', APP)
          await dying.end()
          assert(existsSync(reached), dying.tail())
          const next = scene.start({ app: APP, options })
          const { exitCode, stderr } = await asked
          assert.equal(exitCode, 1)
          assert.match(stderr, /MR_SAVEPOINT_INTERRUPTED/)
          await next.event('started')
          await next.kill()
        })
      }
      const last = scene.start({ app: APP, options })
      await last.event('started')
      const { savepoint } = await scene.whileWriting(() => scene.savepoint(APP))
      await last.event('orphans-deleted')
      await scene.exact()
      await scene.stop(last)
      await scene.verify(savepoint)
      const storage = createFileStorage(`${scene.root}/checkpoints`)
      const { missing, corrupt, unreferenced, underWay } = await auditStorage(storage, APP, { isDeep: true })
      await storage.close()
      assert.deepEqual([missing, corrupt, unreferenced, underWay], [[], [], [], []])
    })
  } finally {
    await kafka.close()
  }
})
