/**
 * Transactions that Kafka expired while the job was down: killed between the completion of a checkpoint and the commit
 * of its output, left down beyond the transaction timeout, and started again. Every update is there once and in order.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { alterConfigs, deleteRecords } from '../../connectors/kafka/client/admin.ts'
import { initProducerId } from '../../connectors/kafka/client/transactions.ts'
import type { KafkaCommittable } from '../../connectors/kafka/sink/kafka-committable.ts'
import { failsWith } from '../faults/failure.ts'
import { FAULTY_PROGRAM, Scene } from '../faults/scene.ts'
import { lastCheckpoint } from '../faults/stored-checkpoint.ts'
import type { JobProcess } from '../support/job-process.ts'
import { readCommitted } from '../support/read-committed.ts'
import { type KafkaServer, startKafka } from '../support/servers.ts'
import { SALVAGE_KILL_POINTS } from './faults.ts'

const PADDED_JOB = 'itest/exactly-once/jobs/padded.job.ts'
/** Three parts and a bit, of the padded job's records. */
const MANY = 6_500
const OPTIONS = { 'transaction-timeout': '10s', 'checkpoint-timeout': '1s' }

describe('a transaction that Kafka expired while the job was down', { concurrency: 2 }, () => {
  let kafka: KafkaServer
  before(async () => {
    // By default expired transactions are looked for each 10 s.
    kafka = await startKafka({ config: { 'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500' } })
  })
  after(() => kafka.close())

  test('is salvaged once', async () => {
    const scene = await Scene.open(kafka, { name: 'salvaged', options: OPTIONS })
    try {
      await killedBeforeCommit(scene, 2_000)
      await expired(scene)
      assert.equal((await scene.verdict()).updates, 0, 'nothing of it is visible')
      await alterConfigs(scene.client, { topic: scene.outTopic }, { 'cleanup.policy': 'compact' })
      const job = scene.start()
      await job.event('started')
      assert.equal(job.count('transaction-salvaged'), 1, job.tail())
      assert.equal(job.count('output-compacted-soon'), 1, 'whoever compacts the output too soon is told')
      await scene.write(2_000)
      await scene.finish(job)
      const again = scene.start()
      await scene.write(100)
      await scene.finish(again)
      assert.equal(again.count('transaction-salvaged'), 0, again.tail())
    } finally {
      await scene.close()
    }
  })

  test('is salvaged with all that follow it, in their order', async () => {
    const scene = await Scene.open(kafka, { name: 'in-a-row', keys: 20, options: OPTIONS })
    try {
      await preparedInARow(scene)
      await expired(scene)
      const next = scene.start()
      await scene.finish(next)
      assert.ok(next.count('transaction-salvaged') >= 3, next.tail())
    } finally {
      await scene.close()
    }
  })

  test('or that a worker of an earlier epoch aborted, with others still open behind it: likewise', async () => {
    const scene = await Scene.open(kafka, { name: 'zombie-aborted', keys: 20, options: OPTIONS })
    try {
      const job = await preparedInARow(scene)
      const prepared = Object.values(lastCheckpoint(scene.checkpoints, job).metadata.committables).flat()
      assert.ok(prepared.length >= 3, `${prepared.length} transactions are prepared`)
      const oldest = prepared[0]?.committable as KafkaCommittable
      // As a zombie that raises the epoch of a slot does, late.
      await initProducerId(scene.client, oldest.transactionalId)
      const next = scene.start()
      await scene.finish(next)
      assert.ok(next.count('transaction-salvaged') >= prepared.length, next.tail())
    } finally {
      await scene.close()
    }
  })

  test('is salvaged for each of three workers by one that comes later', async () => {
    const scene = await Scene.open(kafka, { name: 'three-workers', options: OPTIONS })
    try {
      const crew = ['a', 'b', 'c'].map((name) => {
        const options = { 'state-directory': `${scene.folder}/${name}` }
        return scene.start({ program: FAULTY_PROGRAM, options, env: { FAULT_HANG: 'commits' } })
      })
      await Promise.all(crew.map((job) => job.line(({ event, workers }) => event === 'started' && workers === 3)))
      await scene.write(2_000)
      await Promise.all(crew.map((job) => completedAgain(job, 2)))
      await Promise.all(crew.map((job) => job.kill()))
      await expired(scene)
      assert.equal((await scene.verdict()).updates, 0)
      const next = scene.start()
      await scene.finish(next)
      const workers = new Set(next.lines.filter(({ event }) => event === 'transaction-salvaged').map(({ worker }) => worker))
      assert.equal(workers.size, 3, next.tail())
    } finally {
      await scene.close()
    }
  })

  for (const point of SALVAGE_KILL_POINTS) {
    test(`is salvaged once, though the job dies again ${point.replaceAll('-', ' ')}`, async () => {
      const scene = await Scene.open(kafka, { name: point, job: PADDED_JOB, keys: 50, options: OPTIONS })
      try {
        await killedBeforeCommit(scene, MANY)
        await expired(scene)
        for (const at of [1, 2]) {
          const job = scene.start({ program: FAULTY_PROGRAM, env: { FAULT_KILL: `${point}:${at}` } })
          assert.equal((await job.end()).signal, 'SIGKILL', job.tail())
          // The second time for so long that the salvage is lost itself.
          if (at === 2) await expired(scene)
        }
        await scene.finish(scene.start())
        for (const { value, headers } of await readCommitted(kafka, scene.outTopic)) {
          const { count } = JSON.parse(String(value)) as { count: number }
          assert.deepEqual(headers, [{ name: 'count', value: Buffer.from(`${count}`) }])
        }
      } finally {
        await scene.close()
      }
    })
  }

  test('is named with its offsets if its records are deleted meanwhile, and nothing of it is shown', async () => {
    const scene = await Scene.open(kafka, { name: 'deleted', options: OPTIONS })
    try {
      await killedBeforeCommit(scene, 2_000)
      await expired(scene)
      // Behind the records stands the abort marker. Records in a batch that is deleted in part could still be read.
      const count = ((await scene.ends(scene.outTopic))[1] ?? 0) - 1
      await deleteRecords(scene.client, [{ topic: scene.outTopic, partition: 1, beforeOffset: count }])
      const { message } = await failsWith(scene.start(), 'MR_TRANSACTION_LOST')
      assert.match(message, /^Kafka aborted transaction deleted\.0\.\d+:\d+:\d+, and not all of its records are left: /)
      const named = `0 of ${count} records to deleted-out/1 at offsets 0 to ${count - 1}`
      assert.ok(message.endsWith(`: ${named}`), message)
      assert.equal((await scene.verdict()).updates, 0)
    } finally {
      await scene.close()
    }
  })
})

/** The job dies between the completion of the checkpoint that holds all of this and the commit of its output. */
async function killedBeforeCommit(scene: Scene, records: number): Promise<void> {
  await scene.write(records)
  const job = scene.start({ program: FAULTY_PROGRAM, env: { FAULT_KILL: 'before-commit:1' } })
  assert.equal((await job.end()).signal, 'SIGKILL', job.tail())
  assert.ok(await isUndecided(scene), 'the output of the completed checkpoint is prepared')
}

/** Resolves when Kafka has aborted what the job left open. */
async function expired(scene: Scene): Promise<void> {
  while (await isUndecided(scene)) await sleep(200)
}

async function isUndecided(scene: Scene): Promise<boolean> {
  const [stable, end] = [await scene.ends(scene.outTopic, 'read_committed'), await scene.ends(scene.outTopic)]
  return stable.some((offset, partition) => offset < (end[partition] ?? 0))
}

/** A job killed with three completed checkpoints, none of whose transactions is committed. */
async function preparedInARow(scene: Scene): Promise<JobProcess> {
  const job = scene.start({ program: FAULTY_PROGRAM, env: { FAULT_HANG: 'commits' } })
  for (let transaction = 1; transaction <= 3; transaction++) {
    await scene.write(1_000)
    await completedAgain(job, 2)
  }
  await job.kill()
  return job
}

async function completedAgain(job: JobProcess, times: number): Promise<void> {
  const before = job.count('checkpoint-completed')
  await job.line(() => job.count('checkpoint-completed') >= before + times)
}
