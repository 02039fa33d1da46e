/**
 * SIGKILL of a job while it takes over a savepoint, at each step of it (killed-taker-program.ts), and started again with the
 * same options each time. It is taken over once in the end: the output is exact, the savepoint is what it was, and of the
 * attempts that died nothing is left after the next sweep.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { describe, test } from 'node:test'
import { sha256Hex } from '../../src/checkpoint/metadata.ts'
import { SavepointReader } from '../../src/checkpoint/savepoint/savepoint-reader.ts'
import { type JobFile, jobFiles } from '../../src/checkpoint/stored-files.ts'
import type { JobProcess } from '../support/job-process.ts'
import { PLACES } from '../support/storage-at.ts'
import { LedgerScene } from './ledger-scene.ts'
import { sharedServers } from './servers.ts'

const PROGRAM = 'itest/savepoints/killed-taker-program.ts'
const RECORDS = 6_000
/** In the order in which a start comes to them. */
const POINTS = {
  file: ['state', 'frames', 'barrier', 'metadata', 'metadata-put', 'record'],
  s3: ['state', 'barrier', 'metadata-put', 'record'],
} as const
/** More than are retained: the copy is dropped by then. */
const CHECKPOINTS = 5
const OPTIONS = { 'session-timeout': '2s', 'checkpoints-retained': 2 }

const servers = sharedServers()

/** Of a job that is stopped under load, with records in flight. */
async function savepointUnderLoad(scene: LedgerScene): Promise<string> {
  await scene.writer.write(RECORDS)
  const job = scene.start({ app: `${scene.name}-1`, options: OPTIONS, env: { REST_EVERY: '5' } })
  await job.event('started')
  await scene.until(1)
  const { savepoint } = await scene.whileWriting(() => scene.savepoint(`${scene.name}-1`, '--stop'))
  assert.deepEqual(await job.end(), { exitCode: 0, signal: null }, job.tail())
  const storage = scene.openStorage(savepoint)
  const { inFlight } = (await SavepointReader.open(storage)).metadata
  await storage.close()
  assert(Object.keys(inFlight).length > 0, 'records were in flight')
  return savepoint
}

/** Every file with its SHA-256. */
async function contentsOf(scene: LedgerScene, uri: string): Promise<Record<string, string>> {
  const storage = scene.openStorage(uri)
  const contents: Record<string, string> = {}
  for await (const { path } of storage.list('')) contents[path] = sha256Hex(await storage.get(path))
  await storage.close()
  return contents
}

async function filesOf(scene: LedgerScene, app: string): Promise<JobFile[]> {
  const storage = scene.openStorage(`${scene.root}/checkpoints`)
  const files = await Array.fromAsync(jobFiles(storage, app))
  await storage.close()
  return files
}

/** Goes on until nothing of what was before it is retained any more, and is swept. Ends well, with an exact output. */
async function finish(scene: LedgerScene, app: string, ...jobs: [JobProcess, ...JobProcess[]]): Promise<void> {
  const swept = Promise.any(jobs.map((job) => job.event('orphans-deleted')))
  await scene.whileWriting(async () => {
    await swept
    await jobs[0].line(() => jobs[0].count('checkpoint-completed') >= CHECKPOINTS)
  })
  await scene.exact()
  await scene.stop(...jobs)
  const { missing, corrupt, unreferenced, underWay, checkpoints } = await scene.audit(app)
  assert.deepEqual([missing, corrupt, unreferenced, underWay], [[], [], [], []])
  assert(checkpoints <= OPTIONS['checkpoints-retained'] + 1, `${checkpoints} checkpoints are left`)
  const epochs = new Set(jobs.flatMap(({ lines }) => lines).flatMap(({ event, epoch }) => (event === 'started' ? [epoch] : [])))
  // An audit takes every metadata file for a checkpoint: those of the attempts too.
  for (const { kind, path, epoch } of await filesOf(scene, app)) if (kind === 'metadata') assert(epochs.has(epoch), path)
}

for (const place of PLACES) {
  describe(`a savepoint in ${place}`, () => {
    const play = (name: string, act: (scene: LedgerScene) => Promise<void>) =>
      LedgerScene.play(servers.kafka, `${name}-${place}`, act, place === 's3' ? servers.s3 : undefined)

    test('is taken over once, by a job that dies at every step of it', () =>
      play('kill-taking', async (scene) => {
        const from = await savepointUnderLoad(scene)
        const contents = await contentsOf(scene, from)
        const app = `${scene.name}-2`
        const options = { ...OPTIONS, from }
        for (const point of POINTS[place]) {
          const reached = `${scene.folder}/reached-${point}`
          const dying = scene.start({ app, options, env: { KILL_AT: point, KILL_REACHED: reached }, program: PROGRAM })
          await scene.writer.write(100)
          assert.equal((await dying.end()).signal, 'SIGKILL', dying.tail())
          assert(existsSync(reached), `it comes to ${point}:\n${dying.tail()}`)
        }
        const kinds = (await filesOf(scene, app)).map(({ kind }) => kind)
        const metadata = kinds.filter((kind) => kind === 'metadata').length
        assert.deepEqual([kinds.length - metadata, metadata], [POINTS[place].length, 2], 'each attempt has written')
        const last = scene.start({ app, options })
        await finish(scene, app, last)
        assert.equal(last.count('taking-savepoint'), 0, 'the record tells that it was taken')
        await scene.verify(from)
        assert.deepEqual(await contentsOf(scene, from), contents)
      }))

    // That copies race is the log's business: in one place is enough.
    if (place !== 'file') return
    test('is taken over once, by copies of which one after another dies leading', () =>
      play('kill-takers', async (scene) => {
        const from = await savepointUnderLoad(scene)
        const app = `${scene.name}-2`
        const options = { ...OPTIONS, from }
        const start = (point: string, copy: number) => {
          const reached = `${scene.folder}/reached-${point}-${copy}`
          const env = { KILL_AT: point, KILL_REACHED: reached }
          return { reached, job: scene.start({ app, options, env, program: PROGRAM }) }
        }
        for (const { job, reached } of [start('metadata-put', 1), start('metadata-put', 2)]) {
          assert.equal((await job.end()).signal, 'SIGKILL', job.tail())
          assert(existsSync(reached), job.tail())
        }
        const copies = [start('record', 1), start('record', 2)]
        await Promise.any(copies.map(({ job }) => job.end()))
        const [other] = copies.filter(({ job }) => !job.hasEnded)
        assert(other !== undefined && !existsSync(other.reached), 'only one of them comes to it')
        await other.job.event('started')
        const next = scene.start({ app, options })
        await finish(scene, app, other.job, next)
        for (const job of [other.job, next]) assert.equal(job.count('taking-savepoint'), 0, job.tail())
        await scene.verify(from)
      }))
  })
}
