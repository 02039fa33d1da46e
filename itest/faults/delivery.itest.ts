/** What each delivery promises when the job is killed, and what becomes of a transaction that Kafka would not wait for. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { JobProcess } from '../support/job-process.ts'
import { type KafkaServer, startKafka } from '../support/servers.ts'
import { failsWith } from './failure.ts'
import { FAULTY_ACK_PROGRAM, FAULTY_PROGRAM, Scene } from './scene.ts'

const PART = 2_000

describe('delivery', { concurrency: 2 }, () => {
  let kafka: KafkaServer
  before(async () => {
    // By default expired transactions are looked for each 10 s.
    kafka = await startKafka({ config: { 'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500' } })
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

  test('exactly once: a transaction that Kafka expired while the job was down is named as lost, with its offsets', async () => {
    const options = { 'transaction-timeout': '10s', 'checkpoint-timeout': '1s' }
    const scene = await Scene.open(kafka, { name: 'expired', options })
    try {
      const job = scene.start({ program: FAULTY_PROGRAM, env: { FAULT_KILL: 'before-commit:1' } })
      await writeUntilEnded(scene, job)
      assert.ok(await isUndecided(scene), 'the output of the completed checkpoint is prepared')
      while (await isUndecided(scene)) await sleep(200)
      const { message } = await failsWith(scene.start(), 'MR_TRANSACTION_LOST')
      assert.match(message, /transaction expired\.0\.\d+:\d+:\d+ .*is lost/)
      const named = [...message.matchAll(/(\d+) records to expired-out\/(\d) at offsets (\d+) to (\d+)/g)]
      assert.ok(named.length > 0, message)
      const ends = await scene.ends(scene.outTopic)
      for (const [count = 0, partition = 0, first = 0, last = 0] of named.map((match) => match.slice(1).map(Number))) {
        assert.equal(last - first + 1, count, message)
        assert.ok(last < (ends[partition] ?? 0), message)
      }
      assert.equal((await scene.verdict()).updates, 0, 'nothing of it is visible')
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
  assert.equal((await job.ended).signal, 'SIGKILL', job.tail())
}

/** Whether a transaction is open in the output. */
async function isUndecided(scene: Scene): Promise<boolean> {
  const [stable, end] = [await scene.ends(scene.outTopic, 'read_committed'), await scene.ends(scene.outTopic)]
  return stable.some((offset, partition) => offset < (end[partition] ?? 0))
}
