/**
 * The way from one release of a job to the next: a savepoint with stop while records are in flight, the savepoint moved,
 * the job changed (a new operator, another shape of state with a migration, an operator less, another number of workers
 * and of partitions of the exchange, memory → RocksDB), started from it under another application id; killed; started
 * again. The output of both together is exact.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SavepointReader } from '../../src/checkpoint/savepoint/savepoint-reader.ts'
import { PLACES, storageAt } from '../support/storage-at.ts'
import { LedgerScene } from './ledger-scene.ts'
import { sharedServers } from './servers.ts'

/** At the start; more are written, faster than the first release works, until it is stopped. */
const RECORDS = 20_000

const servers = sharedServers()

const open = (uri: string) => storageAt(uri, servers.s3)

/** File by file, as any tool would. */
async function move(from: string, to: string): Promise<void> {
  const [source, target] = [open(from), open(to)]
  const paths: string[] = []
  for await (const { path } of source.list('')) paths.push(path)
  for (const path of paths) await target.put(path, [await source.get(path)])
  await source.delete(paths)
  await source.close()
  await target.close()
}

async function framesInFlight(uri: string): Promise<number> {
  const storage = open(uri)
  const { inFlight } = (await SavepointReader.open(storage)).metadata
  await storage.close()
  const ranges = Object.values(inFlight).flatMap((byPartition) => Object.values(byPartition).flat())
  return ranges.reduce((sum, { entries }) => sum + entries, 0)
}

for (const place of PLACES) {
  describe(`with checkpoints in ${place}`, () => {
    for (const partitions of [undefined, '3'] as const) {
      const how = partitions === undefined ? 'the same exchange' : 'another number of partitions of the exchange'
      test(`a changed job goes on from a savepoint, through ${how}`, async () => {
        const name = `upgrade-${place}-${partitions ?? 'same'}`
        await LedgerScene.play(
          servers.kafka,
          name,
          async (scene) => {
            await scene.writer.write(RECORDS)
            const env = { REST_EVERY: '5' }
            const first = scene.start({ app: `${name}-1`, options: { 'state-backend': 'memory', workers: 2 }, env })
            const second = scene.start({ app: `${name}-1`, options: { 'state-backend': 'memory' }, env })
            await second.line(({ event, workers }) => event === 'started' && workers === 3)
            await scene.until(1)
            const { savepoint, isStopped } = await scene.whileWriting(() => scene.savepoint(`${name}-1`, '--stop'))
            assert.equal(isStopped, true)
            for (const job of [first, second]) assert.deepEqual(await job.end(), { exitCode: 0, signal: null }, job.tail())
            assert((await framesInFlight(savepoint)) > 0, 'records were in flight')
            assert(scene.updates < scene.writer.total, 'not all is processed yet')

            const moved = `${scene.root}/moved/here`
            await move(savepoint, moved)
            await scene.verify(moved)
            await scene.writer.write(2_000)

            const release = { RELEASE: '2', ...(partitions === undefined ? {} : { PARTITIONS: partitions }) }
            const options = { from: moved, workers: 3, 'state-backend': 'rocksdb' }
            const refused = scene.start({ app: `${name}-2`, options, env: release })
            assert.equal((await refused.end()).exitCode, 1)
            assert.match(refused.tail(), /MR_SAVEPOINT_STATE_DROPPED: the job has no place for: the list state recent\/amounts/)

            const allowed = { ...options, 'allow-dropped-state': 'true' }
            const third = scene.start({ app: `${name}-2`, options: allowed, env: release })
            await scene.until(RECORDS / 2)
            await third.kill('SIGKILL')
            await scene.writer.write(2_000)
            const fourth = scene.start({ app: `${name}-2`, options: allowed, env: release })
            await scene.exact()
            await scene.stop(fourth)
            assert.equal(third.count('savepoint-taken') + fourth.count('savepoint-taken'), 1)
            await scene.verify(moved)
          },
          place === 's3' ? servers.s3 : undefined,
        )
      })
    }
  })
}
