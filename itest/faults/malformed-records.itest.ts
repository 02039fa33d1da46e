/** Records that can't be decoded: they fail the job, or are skipped and counted, or go to a dead-letter topic exactly once. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../support/ports.ts'
import { type CommittedRecord, readCommitted } from '../support/read-committed.ts'
import { type KafkaServer, startKafka } from '../support/servers.ts'
import { appendRecords, type RawRecord } from './append-records.ts'
import { failsWith } from './failure.ts'
import { metricsOf } from './metrics-of.ts'
import { createTopic, FAULTY_ACK_PROGRAM, Scene } from './scene.ts'

const PART = 2_000
const JOB = 'itest/faults/jobs/malformed.job.ts'

describe('a record that cannot be decoded', { concurrency: 2 }, () => {
  let kafka: KafkaServer
  before(async () => {
    kafka = await startKafka()
  })
  after(() => kafka.close())

  test('fails the job with its place and a remedy; skipping it, the next start loses nothing else', async () => {
    const scene = await Scene.open(kafka, { name: 'malformed', job: JOB })
    try {
      const job = scene.start()
      await scene.write(PART)
      const offset = await appendRecords(scene.client, scene.inTopic, 2, [{ key: 'k1', value: 'no json {' }])
      await scene.write(PART)
      const { message, remedy } = await failsWith(job, 'MR_RECORD_MALFORMED')
      assert.ok(message.startsWith(`record at offset ${offset} of ${scene.inTopic}/2 can't be read as json: `), message)
      assert.match(remedy, /onMalformed/)
      await scene.finish(scene.start({ env: { ON_MALFORMED: 'skip' } }))
    } finally {
      await scene.close()
    }
  })

  test('is skipped and counted, where the job says so', async () => {
    const scene = await Scene.open(kafka, { name: 'skipped', job: JOB, env: { ON_MALFORMED: 'skip' } })
    try {
      const job = scene.start({ options: { 'metrics-port': await freePort() } })
      await scene.write(PART)
      for (let partition = 0; partition < 3; partition++) {
        await appendRecords(scene.client, scene.inTopic, partition, [
          { key: null, value: '}' },
          { key: 'k1', value: null },
        ])
      }
      await scene.write(PART)
      await scene.committed(job)
      assert.equal((await metricsOf(job)).get(`millrace_malformed_records_total{topic="${scene.inTopic}"}`), 6)
      await scene.finish(job)
    } finally {
      await scene.close()
    }
  })

  test('goes to the dead-letter topic once, in the transaction of the output, whenever the job is killed', async () => {
    const deadLetters = 'dead-letters'
    const scene = await Scene.open(kafka, { name: 'buried', job: JOB, env: { ON_MALFORMED: deadLetters } })
    try {
      await createTopic(scene.client, deadLetters)
      const buried: string[] = []
      const mix = async () => {
        await scene.write(PART / 4)
        for (let partition = 0; partition < 4; partition++) {
          const key = `m${buried.length}`
          const records = [
            { key, value: '{"amount":', headers: [{ key: 'trace', value: `${partition}` }] },
            { key, value: null },
          ]
          const offset = await appendRecords(scene.client, scene.inTopic, partition, records)
          for (const [i, record] of records.entries()) buried.push(described(record, scene.inTopic, partition, offset + i))
        }
        await scene.write(PART / 4)
      }
      for (let round = 0; round < 3; round++) {
        const job = scene.start({ program: FAULTY_ACK_PROGRAM, env: { FAULT_AT: `${round + 1}`, FAULT_SIGNAL: 'SIGKILL' } })
        while (!job.hasEnded) {
          await mix()
          await job.moved(300)
        }
        assert.equal((await job.end()).signal, 'SIGKILL', job.tail())
      }
      const killed = scene.start()
      await mix()
      await killed.event('checkpoint-triggered')
      await sleep(100)
      await killed.kill()
      await scene.finish(scene.start())
      const found = await readCommitted(kafka, deadLetters)
      assert.deepEqual(found.map(asFound).sort(), buried.sort())
    } finally {
      await scene.close()
    }
  })
})

/** What the dead-letter topic must hold for a record. */
function described({ key, value, headers = [] }: RawRecord, topic: string, partition: number, offset: number): string {
  const own = headers.map((header) => `${header.key}=${header.value}`)
  return [key, value, ...own, `topic=${topic}`, `partition=${partition}`, `offset=${offset}`].join(' ')
}

function asFound({ key, value, headers }: CommittedRecord): string {
  const texts = new Map(headers.map((header) => [header.name, header.value?.toString()]))
  assert.ok(texts.get('millrace.error'), 'a header says why')
  const shown = [...texts].filter(([name]) => name !== 'millrace.error')
  const parts = shown.map(([name, text]) => `${name.replace('millrace.', '')}=${text}`)
  return [key?.toString(), value?.toString() ?? null, ...parts].join(' ')
}
