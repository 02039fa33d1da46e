import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { kafkaClient } from './kafka-ready.ts'
import { type KafkaServer, startKafka } from './servers.ts'
import { createTopic } from './topics.ts'

describe('a Kafka server for tests', () => {
  let kafka: KafkaServer
  before(async () => {
    kafka = await startKafka()
  })
  after(() => kafka.close())

  test('keeps its data and its port over a clean restart and over SIGKILL', async () => {
    await createTopic(kafka, 'kept', { partitions: 1 })
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      await produce(kafka, 'kept', signal)
      await kafka.restart(signal)
    }
    assert.deepEqual(await consume(kafka, 'kept', 2), ['SIGTERM', 'SIGKILL'])
  })

  test('runs the tools of Kafka', async () => {
    const { stdout, exitCode } = await kafka.runTool('kafka.tools.DumpLogSegments', [
      '--print-data-log',
      '--files',
      `${kafka.logDir}/kept-0/00000000000000000000.log`,
    ])
    assert.equal(exitCode, 0)
    assert.match(stdout, /payload: SIGKILL/)
  })
})

async function produce(server: KafkaServer, topic: string, value: string): Promise<void> {
  const producer = kafkaClient(server.bootstrap, { retries: 5 }).producer()
  await producer.connect()
  await producer.send({ topic, messages: [{ value }] })
  await producer.disconnect()
}

async function consume(server: KafkaServer, topic: string, count: number): Promise<string[]> {
  const consumer = kafkaClient(server.bootstrap, { retries: 5 }).consumer({ groupId: 'test' })
  const values: string[] = []
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await new Promise<void>((resolve, reject) => {
    consumer
      .run({
        eachMessage: async ({ message }) => {
          values.push(String(message.value))
          if (values.length === count) resolve()
        },
      })
      .catch(reject)
  })
  await consumer.disconnect()
  return values
}
