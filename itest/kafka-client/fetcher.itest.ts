/** The fetcher and the smaller requests against a real broker. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  alterConfigs,
  commitOffsets,
  createPartitions,
  createTopics,
  deleteRecords,
  deleteTopics,
  describeConfigs,
  fetchCommittedOffsets,
  listOffsets,
} from '../../connectors/kafka/client/admin.ts'
import type { KafkaClient } from '../../connectors/kafka/client/client.ts'
import { Fetcher } from '../../connectors/kafka/client/fetcher.ts'
import { ProducerIdentity } from '../../connectors/kafka/client/producer.ts'
import { Sender, type SenderOptions } from '../../connectors/kafka/client/sender.ts'
import { initProducerId } from '../../connectors/kafka/client/transactions.ts'
import type { Compression } from '../../connectors/kafka/codec/compression.ts'
import { isMillraceError } from '../../src/common/errors.ts'
import { type KafkaServer, startKafka } from '../support/servers.ts'
import { connect, createTopic, readPartition, valuesOf } from './support.ts'

let kafka: KafkaServer
let client: KafkaClient
before(async () => {
  kafka = await startKafka()
  client = await connect(kafka.bootstrap)
})
after(async () => {
  client?.close()
  await kafka?.close()
})

async function write(
  topic: string,
  values: ReadonlyArray<{ partition: number; value: string; timestamp?: number }>,
  options: SenderOptions = {},
): Promise<void> {
  const sender = new Sender(client, options)
  const span = sender.use(new ProducerIdentity(null, await initProducerId(client, null)))
  for (const { partition, value, timestamp } of values) {
    sender.builder(topic, partition).appendText(timestamp ?? Date.now(), null, value)
  }
  sender.end()
  await span.flushed.finally(() => sender.close())
}

const numbered = (count: number, partition = 0) =>
  Array.from({ length: count }, (_, index) => ({ partition, value: `value ${index}` }))

for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as Compression[]) {
  test(`what is written with ${compression} is read again`, async () => {
    const topic = `compressed-${compression}`
    await createTopic(client, topic, 1)
    await write(topic, numbered(2_000), { compression, maxBatchBytes: 4_000 })
    const read = await readPartition(client, topic, 0, 'read_committed')
    assert.deepEqual(
      read.map(({ value }) => value),
      numbered(2_000).map(({ value }) => value),
    )
  })
}

test('an offset that was deleted is an error with what there is', async () => {
  await createTopic(client, 'trimmed', 1)
  await write('trimmed', numbered(50))
  await deleteRecords(client, [{ topic: 'trimmed', partition: 0, beforeOffset: 20 }])
  await assert.rejects(readPartition(client, 'trimmed', 0, 'read_committed', 5), (error) => {
    assert.ok(isMillraceError(error, 'MR_KAFKA_OFFSET_OUT_OF_RANGE'))
    const { askedOffset, earliestOffset, latestOffset } = error.details
    assert.deepEqual([askedOffset, earliestOffset, latestOffset], [5, 20, 50])
    return true
  })
  assert.equal((await readPartition(client, 'trimmed', 0, 'read_committed', 20)).length, 30)
  const fetcher = new Fetcher(client, { isolation: 'read_committed' })
  fetcher.assign([{ topic: 'trimmed', partition: 0, offset: 51 }])
  await assert.rejects(fetcher.whenAvailable(), (error) => isMillraceError(error, 'MR_KAFKA_OFFSET_OUT_OF_RANGE'))
  fetcher.close()
})

test('a topic that is deleted while it is read fails in bounded time', async () => {
  await createTopic(client, 'doomed', 1)
  await write('doomed', numbered(1))
  const fetcher = new Fetcher(client, { isolation: 'read_committed', maxWaitMs: 100, missingTimeoutMs: 1_000 })
  fetcher.assign([{ topic: 'doomed', partition: 0, offset: 0 }])
  await fetcher.whenAvailable()
  fetcher.poll()
  await deleteTopics(client, ['doomed'])
  await assert.rejects(fetcher.whenAvailable(), (error) => isMillraceError(error, 'MR_KAFKA_TOPIC_MISSING'))
  fetcher.close()
})

test('a partition that does not exist is an error in bounded time', async () => {
  await createTopic(client, 'narrow', 1)
  const fetcher = new Fetcher(client, { isolation: 'read_committed', missingTimeoutMs: 500 })
  fetcher.assign([{ topic: 'narrow', partition: 7, offset: 0 }])
  await assert.rejects(fetcher.whenAvailable(), (error) => isMillraceError(error, 'MR_KAFKA_TOPIC_MISSING'))
  fetcher.close()
})

test('batches larger than every limit are read all the same', async () => {
  await createTopic(client, 'large', 3, { 'max.message.bytes': '5000000' })
  const large = (size: number, partition: number) => ({ partition, value: 'x'.repeat(size) })
  await write('large', [large(3_000_000, 0), large(2_500_000, 1), large(10, 2), large(2_000_000, 0), large(10, 1)])
  const fetcher = new Fetcher(client, { isolation: 'read_committed', budgetBytes: () => 100_000, maxBytesPerPartition: 20_000 })
  fetcher.assign([0, 1, 2].map((partition) => ({ topic: 'large', partition, offset: 0 })))
  const sizes: number[][] = [[], [], []]
  while (sizes.flat().length < 5) {
    const batch = fetcher.poll()
    if (batch === undefined) await fetcher.whenAvailable()
    else if (batch.records !== null) sizes[batch.partition]?.push(...valuesOf(batch.records).map((value) => value.length))
  }
  assert.deepEqual(sizes, [[3_000_000, 2_000_000], [2_500_000, 10], [10]])
  fetcher.close()
})

test('a record above the topic limit is refused with the place and a remedy', async () => {
  await createTopic(client, 'small', 1, { 'max.message.bytes': '2000' })
  await assert.rejects(write('small', [{ partition: 0, value: 'x'.repeat(5_000) }]), (error) => {
    assert.ok(isMillraceError(error, 'MR_KAFKA_RECORD_TOO_LARGE'))
    assert.equal(error.details.topic, 'small')
    assert.match(error.remedy, /max\.message\.bytes/)
    return true
  })
})

test('new records arrive while the fetcher waits, and what is paused stays out', async () => {
  await createTopic(client, 'live', 2)
  const fetcher = new Fetcher(client, { isolation: 'read_committed' })
  fetcher.assign([0, 1].map((partition) => ({ topic: 'live', partition, offset: 0 })))
  fetcher.pause('live', 1)
  const waiting = fetcher.whenAvailable()
  await write('live', [
    { partition: 1, value: 'paused' },
    { partition: 0, value: 'now' },
  ])
  await waiting
  const first = fetcher.poll()
  assert.deepEqual(first?.records && valuesOf(first.records), ['now'])
  assert.equal(fetcher.poll(), undefined)
  fetcher.resume('live', 1)
  await fetcher.whenAvailable()
  const second = fetcher.poll()
  assert.deepEqual(second?.records && valuesOf(second.records), ['paused'])
  assert.equal(fetcher.lag('live', 1), 0)
  fetcher.close()
})

test('a compacted topic is read across its gaps to its end', { timeout: 60_000 }, async () => {
  await createTopic(client, 'compacted', 1, {
    'cleanup.policy': 'compact',
    'segment.ms': '100',
    'min.cleanable.dirty.ratio': '0.01',
    'max.compaction.lag.ms': '100',
    'delete.retention.ms': '100',
  })
  const writeKeyed = async (keys: readonly string[]) => {
    const sender = new Sender(client, { maxBatchBytes: 600 })
    const span = sender.use(new ProducerIdentity(null, await initProducerId(client, null)))
    for (const [index, key] of keys.entries()) sender.builder('compacted', 0).appendText(Date.now(), key, `value ${index}`)
    sender.end()
    await span.flushed
    sender.close()
  }
  await writeKeyed(Array.from({ length: 500 }, (_, index) => `key ${index % 10}`))
  // Later records close the segment, so that the cleaner may take what is before it. It looks every 15 s.
  for (let left = 500; left > 100; left = (await readPartition(client, 'compacted', 0, 'read_committed')).length) {
    await new Promise((resolve) => setTimeout(resolve, 500))
    await writeKeyed(['tick'])
  }
  const values = (await readPartition(client, 'compacted', 0, 'read_committed')).map(({ value }) => value)
  for (let index = 490; index < 500; index++) assert.ok(values.includes(`value ${index}`), `value ${index}`)
})

test('a record without a key for a compacted topic is refused with a remedy', async () => {
  await createTopic(client, 'keyed', 1, { 'cleanup.policy': 'compact' })
  await assert.rejects(
    write('keyed', [{ partition: 0, value: 'no key' }]),
    (error) => isMillraceError(error, 'MR_KAFKA_RECORD_REFUSED') && /compacted/i.test(error.message + error.remedy),
  )
})

test('topics, settings, offsets and commits', async () => {
  assert.deepEqual(await createTopics(client, [{ name: 'made', partitions: 2, replicationFactor: -1 }]), ['made'])
  assert.deepEqual(await createTopics(client, [{ name: 'made', partitions: 9, replicationFactor: 1 }]), [], 'it is there')
  await assert.rejects(
    createTopics(client, [{ name: 'made with nonsense', partitions: 1, replicationFactor: 1 }]),
    (error) => isMillraceError(error, 'MR_KAFKA_REQUEST_REFUSED') && /INVALID_TOPIC/.test(error.message),
  )
  const topic = await client.topic('made')
  assert.match(topic.topicId ?? '', /^[0-9a-f]{32}$/)
  await createPartitions(client, 'made', 3)

  await alterConfigs(client, { topic: 'made' }, { 'retention.ms': '-1' })
  const settings = await describeConfigs(client, { topic: 'made' }, ['retention.ms', 'max.message.bytes'])
  assert.deepEqual(Object.fromEntries(settings), { 'retention.ms': '-1', 'max.message.bytes': '1048588' })
  const [broker] = client.brokers
  const ofBroker = await describeConfigs(client, { broker: broker?.id as number }, ['transaction.max.timeout.ms'])
  assert.equal(ofBroker.get('transaction.max.timeout.ms'), '900000')

  const noon = Date.now()
  await write('made', [
    { partition: 0, value: 'a', timestamp: noon },
    { partition: 0, value: 'b', timestamp: noon + 1_000 },
  ])
  const where = [
    { topic: 'made', partition: 0 },
    { topic: 'made', partition: 1 },
  ]
  const offsetsAt = async (spec: Parameters<typeof listOffsets>[2]) =>
    (await listOffsets(client, where, spec)).map(({ offset }) => offset)
  assert.deepEqual(await offsetsAt('earliest'), [0, 0])
  assert.deepEqual(await offsetsAt('latest'), [2, 0])
  assert.deepEqual(await offsetsAt({ timestampMs: noon + 500 }), [1, -1])

  await commitOffsets(client, 'made-group', [{ topic: 'made', partition: 0, offset: 2, metadata: 'note' }])
  assert.deepEqual(
    (await fetchCommittedOffsets(client, 'made-group', where)).map(({ offset }) => offset),
    [2, -1],
  )
  assert.equal(await client.supportsTransactionVerification(), true)

  await deleteTopics(client, ['made', 'never there'])
  await assert.rejects(client.topic('made', 300), (error) => isMillraceError(error, 'MR_KAFKA_TOPIC_MISSING'))
})
