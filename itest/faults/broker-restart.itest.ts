/** A broker that goes and comes back under load: the job waits for it, and nothing is lost or doubled. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { JobProcess } from '../support/job-process.ts'
import { type KafkaServer, startKafka } from '../support/servers.ts'
import { Scene } from './scene.ts'

/** A quarter of a second of work each. */
const PART = 4_000

describe('a broker that goes away under load', { concurrency: false }, () => {
  let kafka: KafkaServer
  before(async () => {
    kafka = await startKafka()
  })
  after(() => kafka.close())

  test('stopped, killed or hung: the job goes on when it is back, and no update is lost or doubled', async () => {
    const scene = await Scene.open(kafka, { name: 'restart', options: { 'kafka-request-timeout': '2s' } })
    try {
      const job = scene.start()
      await job.event('started')
      await underLoad(scene, job, () => kafka.restart('SIGTERM'))
      await underLoad(scene, job, () => kafka.restart('SIGKILL'))
      await underLoad(scene, job, async () => {
        await kafka.pause()
        // Longer than the request timeout: answers that come late belong to requests that were given up.
        await sleep(3_000)
        await kafka.resume()
      })
      await scene.finish(job)
    } finally {
      await scene.close()
    }
  })

  test('away for good: SIGTERM still ends the job in time, and the next start goes on from its last checkpoint', async () => {
    const scene = await Scene.open(kafka, { name: 'away', options: { 'shutdown-timeout': '2s' } })
    try {
      const job = scene.start()
      await scene.write(PART)
      await job.event('checkpoint-completed')
      await kafka.stop('SIGKILL')
      const stoppedAtMs = performance.now()
      assert.deepEqual(await job.kill('SIGTERM'), { exitCode: 0, signal: null }, job.tail())
      const tookMs = performance.now() - stoppedAtMs
      assert.ok(tookMs < 8_000, `it took ${Math.round(tookMs)} ms:\n${job.tail()}`)
      assert.equal(job.count('final-checkpoint-missed'), 1, job.tail())
      await kafka.start()
      await scene.write(PART)
      await scene.finish(scene.start())
    } finally {
      await scene.close()
    }
  })
})

/** Writes before, during and after; a checkpoint is completed in between, so that the job has a transaction in each state. */
async function underLoad(scene: Scene, job: JobProcess, fault: () => Promise<void>): Promise<void> {
  const completed = job.count('checkpoint-completed')
  await scene.write(PART)
  await job.line(() => job.count('checkpoint-completed') > completed)
  const writing = scene.write(2 * PART)
  await fault()
  await writing
  await scene.write(PART)
  assert.ok(!job.hasEnded, job.tail())
}
