import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { kafkaClient } from './kafka-ready.ts'
import { followCommitted, readCommitted } from './read-committed.ts'
import { type KafkaServer, startKafka } from './servers.ts'
import { createTopic } from './topics.ts'

describe('reading what is committed', () => {
  let kafka: KafkaServer
  before(async () => {
    kafka = await startKafka()
  })
  after(() => kafka.close())

  test('leaves out what was aborted and what is still open, and keeps bytes as they are', async () => {
    await createTopic(kafka, 'mixed', { partitions: 2 })
    const producer = kafkaClient(kafka.bootstrap, { retries: 10 }).producer({
      transactionalId: 'mixed',
      maxInFlightRequests: 1,
    })
    await producer.connect()
    const value = Buffer.from([0, 255, 10, 32])
    for (const [key, end] of [
      ['aborted', 'abort'],
      ['kept', 'commit'],
      ['open', undefined],
    ] as const) {
      const transaction = await producer.transaction()
      await transaction.send({ topic: 'mixed', messages: [{ partition: 1, key, value, timestamp: '5', headers: { a: 'b' } }] })
      if (end !== undefined) await transaction[end]()
    }
    // Offsets 0 and 1 are the aborted record and its marker.
    const kept = {
      partition: 1,
      offset: 2,
      timestamp: 5,
      key: Buffer.from('kept'),
      value,
      headers: [{ name: 'a', value: Buffer.from('b') }],
    }
    assert.deepEqual(await readCommitted(kafka, 'mixed'), [kept])
    for await (const record of followCommitted(kafka, 'mixed')) {
      assert.deepEqual(record, kept)
      break
    }
    await producer.disconnect()
  })

  test('ends at once where nothing is committed', async () => {
    await createTopic(kafka, 'empty')
    assert.deepEqual(await readCommitted(kafka, 'empty'), [])
  })

  test('says so where there is no such topic', async () => {
    await assert.rejects(readCommitted(kafka, 'absent'), /topic absent does not exist/)
  })
})
