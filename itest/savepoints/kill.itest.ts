/**
 * SIGKILL of the job while it takes a savepoint: behind the checkpoint, in the middle of the copy, and before the metadata.
 * The command says so by name, nothing is lost, and nothing of it is left behind after the next sweep. Under load.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { PLACES } from '../support/storage-at.ts'
import { LedgerScene } from './ledger-scene.ts'
import { sharedServers } from './servers.ts'

const PROGRAM = 'itest/savepoints/killed-program.ts'

const servers = sharedServers()

for (const place of PLACES) {
  test(`a job that dies while it takes a savepoint loses nothing and leaves nothing behind (${place})`, async () => {
    const app = `kill-savepoint-${place}`
    const act = async (scene: LedgerScene) => {
      await scene.writer.write(2_000)
      const options = { 'session-timeout': '2s' }
      for (const point of ['check', 'state', 'metadata']) {
        const reached = `${scene.folder}/reached-${point}`
        const env = { KILL_AT: point, KILL_REACHED: reached }
        const dying = scene.start({ app, options, env, program: PROGRAM })
        await dying.event('started')
        await scene.whileWriting(async () => {
          const asked = scene.ask('savepoint', app)
          await dying.end()
          assert(existsSync(reached), dying.tail())
          const next = scene.start({ app, options })
          const { exitCode, stderr } = await asked
          assert.equal(exitCode, 1)
          assert.match(stderr, /MR_SAVEPOINT_INTERRUPTED/)
          await next.event('started')
          await next.kill()
        })
      }
      const last = scene.start({ app, options })
      await last.event('started')
      const { savepoint } = await scene.whileWriting(() => scene.savepoint(app))
      await last.event('orphans-deleted')
      await scene.exact()
      await scene.stop(last)
      await scene.verify(savepoint)
      const { missing, corrupt, unreferenced, underWay } = await scene.audit(app)
      assert.deepEqual([missing, corrupt, unreferenced, underWay], [[], [], [], []])
    }
    await LedgerScene.play(servers.kafka, app, act, place === 's3' ? servers.s3 : undefined)
  })
}
