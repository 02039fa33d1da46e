/**
 * An idempotent producer with five requests on their way, against a broker that is stopped, killed and frozen meanwhile,
 * and a reader beside it: every record is in the log once, in order, and the reader sees just that.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { KafkaClient } from '../../connectors/kafka/client/client.ts'
import { Fetcher } from '../../connectors/kafka/client/fetcher.ts'
import { ProducerIdentity } from '../../connectors/kafka/client/producer.ts'
import { Sender } from '../../connectors/kafka/client/sender.ts'
import { initProducerId } from '../../connectors/kafka/client/transactions.ts'
import { type KafkaServer, startKafka } from '../support/servers.ts'
import { connect, createTopic, readPartition, valuesOf } from './support.ts'

const TOPIC = 'restarts'
const PARTITIONS = 4

let kafka: KafkaServer
let client: KafkaClient
before(async () => {
  kafka = await startKafka()
  client = await connect(kafka.bootstrap)
  await createTopic(client, TOPIC, PARTITIONS)
})
after(async () => {
  client?.close()
  await kafka?.close()
})

test('records written and read through restarts are there once, in order', { timeout: 240_000 }, async () => {
  const sender = new Sender(client, { maxBatchBytes: 8 * 1024, maxRequestBytes: 32 * 1024, maxBufferedBytes: 512 * 1024 })
  const identity = new ProducerIdentity(null, await initProducerId(client, null))
  const span = sender.use(identity)
  const appended = new Array<number>(PARTITIONS).fill(0)
  let isOver = false

  const reader = new Fetcher(client, { isolation: 'read_uncommitted', maxWaitMs: 100 })
  reader.assign(appended.map((_, partition) => ({ topic: TOPIC, partition, offset: 0 })))
  const seen = new Array<number>(PARTITIONS).fill(0)
  const reading = (async () => {
    while (!isOver || seen.some((count, partition) => count < (appended[partition] as number))) {
      const batch = reader.poll()
      if (batch === undefined) {
        await reader.whenAvailable()
        continue
      }
      assert.ok(batch.records !== null)
      for (const value of valuesOf(batch.records)) {
        // Each value names its place: a loss, a repeat or a swap shows at once.
        const expected = seen[batch.partition] as number
        seen[batch.partition] = expected + 1
        assert.equal(value, `${batch.partition}:${expected}`)
      }
    }
  })()

  const writing = (async () => {
    while (!isOver) {
      for (let index = 0; index < 400; index++) {
        const partition = index % PARTITIONS
        const next = appended[partition] as number
        sender.builder(TOPIC, partition).appendText(Date.now(), null, `${partition}:${next}`)
        appended[partition] = next + 1
      }
      await sender.whenDrained()
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  })()

  const disturb = async () => {
    const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
    await pause(1_000)
    await kafka.restart('SIGTERM')
    await pause(1_500)
    await kafka.restart('SIGKILL')
    await pause(1_500)
    await kafka.pause()
    await pause(12_000) // longer than the client's request timeout: connections are given up, requests land late
    await kafka.resume()
    await pause(1_500)
    await kafka.restart('SIGKILL')
    await pause(1_500)
  }
  await Promise.race([disturb(), reading, writing])
  isOver = true
  await writing
  sender.end()
  const ranges = await span.flushed
  await reading
  reader.close()
  sender.close()

  console.log(
    `${appended.reduce((a, b) => a + b)} records, ${sender.stats.retriedBatches} of ${sender.stats.batches} batches sent again, ` +
      `${reader.stats.retries} fetches tried again`,
  )
  assert.ok(sender.stats.retriedBatches > 0, 'the restarts hit something')
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const count = appended[partition] as number
    const range = ranges.find((candidate) => candidate.partition === partition)
    assert.deepEqual(range, { topic: TOPIC, partition, firstOffset: 0, lastOffset: count - 1, recordCount: count })
    const log = await readPartition(client, TOPIC, partition, 'read_uncommitted')
    assert.equal(log.length, count)
    log.forEach(({ offset, value }, index) => {
      assert.deepEqual([offset, value], [index, `${partition}:${index}`])
    })
  }
})
