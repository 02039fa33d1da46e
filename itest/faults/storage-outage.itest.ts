/**
 * An S3 that goes away under load and comes back. MILLRACE_ITEST_OUTAGE_S (default 10) says after how many seconds; 30 in
 * the long form.
 */
import assert from 'node:assert/strict'
import { after, before, describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { JobProcess } from '../support/job-process.ts'
import { type KafkaServer, type S3Server, startKafka, startS3 } from '../support/servers.ts'
import { failsWith } from './failure.ts'
import { inS3 } from './in-s3.ts'
import { Scene, type SceneOptions } from './scene.ts'

const OUTAGE_MS = Number(process.env.MILLRACE_ITEST_OUTAGE_S ?? 10) * 1000
const PART = 3_000

describe('a storage that refuses every request for a while', { concurrency: false }, () => {
  let kafka: KafkaServer
  let s3: S3Server
  before(async () => {
    kafka = await startKafka()
    s3 = await startS3()
  })
  after(async () => {
    await s3.close()
    await kafka.close()
  })

  /** A job that has committed something, in the hands of `play`. */
  async function withJob(
    context: TestContext,
    options: SceneOptions,
    play: (scene: Scene, job: JobProcess) => Promise<void>,
  ): Promise<void> {
    if (!s3.durable) return context.skip('this S3 server forgets its objects when it is stopped')
    const scene = await Scene.open(kafka, inS3(s3, options))
    try {
      const job = scene.start()
      await scene.write(PART)
      await scene.committed(job)
      await play(scene, job)
    } finally {
      await scene.close()
    }
  }

  /** The storage is away while records come. */
  async function away(scene: Scene, job: JobProcess, forMs: number): Promise<void> {
    await s3.stop('SIGKILL')
    const backAtMs = performance.now() + forMs
    await scene.write(PART)
    await sleep(backAtMs - performance.now())
    assert.ok(!job.hasEnded, job.tail())
    assert.notDeepEqual(await scene.positions(), await scene.ends(scene.inTopic), 'nothing is committed without the storage')
    await s3.start()
    await scene.write(PART)
  }

  test('delays one checkpoint when it is back before the checkpoint timeout; processing goes on', async (context) => {
    await withJob(context, { name: 'outage-short' }, async (scene, job) => {
      await away(scene, job, OUTAGE_MS)
      await scene.finish(job)
      assert.equal(job.count('checkpoint-aborted'), 0, job.tail())
    })
  })

  test('fails the checkpoints that run into their timeout, and what they held is carried on', async (context) => {
    const options = { 'checkpoint-timeout': '1s', 'checkpoint-tolerable-failures': 40, 'transaction-slots': 42 }
    await withJob(context, { name: 'outage-long', options }, async (scene, job) => {
      await away(scene, job, OUTAGE_MS / 2)
      await scene.finish(job)
      const aborted = job.lines.filter(({ event }) => event === 'checkpoint-aborted')
      assert.ok(aborted.length >= 2 && aborted.every(({ reason }) => reason === 'timeout'), job.tail())
    })
  })

  test('restarts the job when more checkpoints fail than are tolerated, until the storage is back', async (context) => {
    const options = { 'checkpoint-timeout': '1s', 'checkpoint-tolerable-failures': 1, 'restart-delay': '100ms' }
    await withJob(context, { name: 'outage-restart', options }, async (scene, job) => {
      await away(scene, job, OUTAGE_MS)
      await scene.finish(job)
      assert.ok(job.count('restarting') > 0, job.tail())
    })
  })

  test('ends it instead where it must not restart; the next start loses nothing', async (context) => {
    const options = { 'checkpoint-timeout': '1s', 'checkpoint-tolerable-failures': 1, 'restart-strategy': 'none' }
    await withJob(context, { name: 'outage-too-long', options }, async (scene, job) => {
      await s3.stop('SIGKILL')
      await scene.write(PART)
      const startedAtMs = performance.now()
      const { message } = await failsWith(job, 'MR_CHECKPOINTS_FAILING')
      assert.match(message, /2 checkpoints in a row/)
      assert.ok(performance.now() - startedAtMs < 10_000, 'it ends without waiting for the storage')
      await s3.start()
      await scene.write(PART)
      await scene.finish(scene.start())
    })
  })

  test('does not keep the job from ending in time after SIGTERM', async (context) => {
    await withJob(context, { name: 'outage-stop', options: { 'shutdown-timeout': '1s' } }, async (scene, job) => {
      await s3.stop('SIGKILL')
      await scene.write(PART)
      const stoppedAtMs = performance.now()
      assert.deepEqual(await job.kill('SIGTERM'), { exitCode: 0, signal: null }, job.tail())
      assert.ok(performance.now() - stoppedAtMs < 6_000, job.tail())
      assert.equal(job.count('final-checkpoint-missed'), 1, job.tail())
      await s3.start()
      await scene.finish(scene.start())
    })
  })
})
