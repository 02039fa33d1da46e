/**
 * `millrace cancel` of a job of two copies, under load: each ends with 0. Its checkpoints are kept, and a later start goes on
 * from the last; or they are deleted, nothing of them is left, and a later start begins anew.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PLACES } from '../support/storage-at.ts'
import { LedgerScene } from './ledger-scene.ts'
import { sharedServers } from './servers.ts'

const RECORDS = 4_000

const servers = sharedServers()

/** Two copies work; the command stops both. Resolves with what it printed. */
async function cancelUnderLoad(
  scene: LedgerScene,
  retain: string,
): Promise<{ isForgotten: boolean; checkpoint: number | null }> {
  const { name: app } = scene
  const options = { 'retain-on-cancel': retain }
  await scene.writer.write(RECORDS)
  const jobs = [scene.start({ app, options }), scene.start({ app, options })] as const
  await jobs[1].line(({ event, workers }) => event === 'started' && workers === 2)
  await scene.until(1)
  const cancelled = await scene.whileWriting(() => scene.ask('cancel', app))
  assert.equal(cancelled.exitCode, 0, cancelled.stderr)
  for (const job of jobs) assert.deepEqual(await job.end(), { exitCode: 0, signal: null }, job.tail())
  const again = await scene.ask('cancel', app)
  assert.equal(again.exitCode, 1)
  assert.match(again.stderr, /MR_JOB_NOT_RUNNING/)
  return JSON.parse(cancelled.stdout)
}

async function files(scene: LedgerScene): Promise<string[]> {
  const storage = scene.openStorage(`${scene.root}/checkpoints`)
  const paths = (await Array.fromAsync(storage.list(''))).map(({ path }) => path)
  await storage.close()
  return paths
}

for (const place of PLACES) {
  describe(`a job with checkpoints in ${place} that is cancelled`, () => {
    const play = (name: string, act: (scene: LedgerScene) => Promise<void>) =>
      LedgerScene.play(servers.kafka, `${name}-${place}`, act, place === 's3' ? servers.s3 : undefined)

    test('keeps them: a later start goes on from the last', () =>
      play('cancel-keep', async (scene) => {
        const { isForgotten, checkpoint } = await cancelUnderLoad(scene, 'keep')
        assert.equal(isForgotten, false)
        const next = scene.start({ app: scene.name })
        const { checkpoint: from } = await next.event('started')
        assert.equal(from, checkpoint)
        await scene.writer.write(500)
        await scene.exact()
        await scene.stop(next)
        const { missing, corrupt, unreferenced, underWay } = await scene.audit(scene.name)
        assert.deepEqual([missing, corrupt, unreferenced, underWay], [[], [], [], []])
      }))

    test('deletes them: nothing is left, and a later start begins anew, whatever its copies have on their disks', () =>
      play('cancel-delete', async (scene) => {
        const { isForgotten, checkpoint } = await cancelUnderLoad(scene, 'delete')
        assert.deepEqual([isForgotten, checkpoint], [true, null])
        assert.deepEqual(await files(scene), [])
        await scene.turnToOutput('anew')
        const first = scene.start({ app: scene.name })
        const { checkpoint: from } = await first.event('started')
        assert.equal(from, 0)
        await first.event('checkpoint-completed')
        // With the local state of the job that was.
        const second = scene.start({ app: scene.name })
        await second.line(({ event, workers }) => event === 'started' && workers === 2)
        await scene.writer.write(500)
        await scene.exact()
        await scene.stop(first, second)
      }))
  })
}
