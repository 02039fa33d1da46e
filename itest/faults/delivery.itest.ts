/** What at-least-once delivery promises when the job is killed. What exactly-once promises is in itest/exactly-once. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { JobProcess } from '../support/job-process.ts'
import { type KafkaServer, startKafka } from '../support/servers.ts'
import { FAULTY_ACK_PROGRAM, Scene } from './scene.ts'

const PART = 2_000

describe('delivery', { concurrency: 2 }, () => {
  let kafka: KafkaServer
  before(async () => {
    kafka = await startKafka()
  })
  after(() => kafka.close())

  test('at least once: whenever the job is killed nothing is missing or wrong, but some of it comes again', async () => {
    const scene = await Scene.open(kafka, { name: 'at-least-once', options: { delivery: 'at-least-once' } })
    try {
      for (let round = 1; round <= 3; round++) {
        const job = scene.start({ program: FAULTY_ACK_PROGRAM, env: { FAULT_AT: `${round}`, FAULT_SIGNAL: 'SIGKILL' } })
        await writeUntilEnded(scene, job)
      }
      const last = scene.start()
      await scene.committed(last)
      assert.deepEqual(await last.kill('SIGTERM'), { exitCode: 0, signal: null }, last.tail())
      const { missing, wrong, doubled, example } = await scene.verdict()
      assert.deepEqual({ missing, wrong }, { missing: 0, wrong: 0 }, example ?? '')
      assert.ok(doubled > 0, 'each kill has undone a cut whose output was out already')
    } finally {
      await scene.close()
    }
  })
})

async function writeUntilEnded(scene: Scene, job: JobProcess): Promise<void> {
  while (!job.hasEnded) {
    await scene.write(PART / 4)
    await job.moved(200)
  }
  assert.equal((await job.end()).signal, 'SIGKILL', job.tail())
}
