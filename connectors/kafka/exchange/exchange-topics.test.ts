import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMillraceError } from '../../../src/common/errors.ts'
import type { ExchangeSpec } from '../../../src/ports/exchange.ts'
import { KafkaCode } from '../client/kafka-errors.ts'
import { DescribeConfigs, IncrementalAlterConfigs } from '../client/requests/config-requests.ts'
import { Metadata, type TopicMetadata } from '../client/requests/metadata-request.ts'
import { CreateTopics, DeleteRecords } from '../client/requests/topic-requests.ts'
import { ScriptedCluster } from '../client/testing.ts'
import { exchangeTopic } from './exchange-topics.ts'
import { openTestExchange } from './testing.ts'

const TOPIC = 'app.exchange.x'
const SETTLED = {
  'cleanup.policy': 'delete',
  'retention.ms': '-1',
  'retention.bytes': '-1',
  'message.timestamp.type': 'CreateTime',
  'max.message.bytes': '16777216',
}
const BOUND = '9223372036854775807'
const BOUNDS = { 'message.timestamp.before.max.ms': BOUND, 'message.timestamp.after.max.ms': BOUND }

function found(partitions: number, errorCode = 0): TopicMetadata {
  const partition = { errorCode: 0, leader: 1, leaderEpoch: 0, replicas: [1], inSyncReplicas: [1] }
  return {
    name: TOPIC,
    errorCode,
    topicId: errorCode === 0 ? 'a1'.repeat(16) : null,
    isInternal: false,
    partitions: Array.from({ length: partitions }, (_, index) => ({ ...partition, partition: index })),
  }
}

async function metadata(cluster: ScriptedCluster, topic: TopicMetadata): Promise<void> {
  const { input, answer } = await cluster.next(Metadata)
  assert.deepEqual(input.topics, [TOPIC])
  answer({ brokers: [], clusterId: null, controllerId: 1, topics: [topic] })
}

async function settings(cluster: ScriptedCluster, values: Readonly<Record<string, string>>): Promise<void> {
  const { answer } = await cluster.next(DescribeConfigs)
  answer([{ resourceName: TOPIC, errorCode: 0, message: null, values: new Map(Object.entries(values)) }])
}

async function altered(cluster: ScriptedCluster): Promise<Readonly<Record<string, string>>> {
  const { input, answer } = await cluster.next(IncrementalAlterConfigs)
  answer([{ resourceName: TOPIC, errorCode: 0, message: null }])
  return input.set
}

function preparing(spec: Partial<ExchangeSpec> = {}, options: Readonly<Record<string, unknown>> = {}) {
  const cluster = new ScriptedCluster()
  const { exchange } = openTestExchange({ cluster, options })
  return { cluster, topics: exchange.prepare([{ exchange: 'x', partitions: 4, ...spec }]) }
}

test('a topic has the name of its exchange, or one that Kafka takes and no other exchange has', () => {
  assert.equal(exchangeTopic('app', 'by-customer'), 'app.exchange.by-customer')
  const names = ['by customer', 'by/customer', 'by_customer', 'žluťoučký', 'x'.repeat(249), 'x'.repeat(250), ' ', '']
  const topics = names.map((name) => exchangeTopic('app', name))
  assert.equal(new Set(topics).size, names.length)
  for (const topic of topics) assert.match(topic, /^[a-zA-Z0-9._-]{1,249}$/)
  assert.equal(topics[2], 'app.exchange.by_customer')
  assert.deepEqual(
    topics,
    names.map((name) => exchangeTopic('app', name)),
  )
})

test('a topic that is missing is made, and waited for until brokers know it', async () => {
  const { cluster, topics } = preparing({}, { internalReplicationFactor: 3 })
  await metadata(cluster, found(0, KafkaCode.unknownTopicOrPartition))
  const { input, answer } = await cluster.next(CreateTopics)
  assert.deepEqual(input.topics, [
    {
      name: TOPIC,
      partitions: 4,
      replicationFactor: 3,
      configs: { ...SETTLED, 'segment.bytes': '67108864', 'segment.ms': '3600000' },
    },
  ])
  answer([{ topic: TOPIC, errorCode: 0, message: null }])
  await metadata(cluster, found(0, KafkaCode.unknownTopicOrPartition))
  await metadata(cluster, found(4))
  // Brokers of 4.0 refuse a time more than an hour ahead of theirs.
  await settings(cluster, { ...SETTLED, ...BOUNDS, 'message.timestamp.after.max.ms': '3600000' })
  assert.deepEqual(await altered(cluster), { 'message.timestamp.after.max.ms': BOUND })
  assert.deepEqual(await topics, [{ exchange: 'x', topic: TOPIC, partitions: 4, identity: 'a1'.repeat(16) }])
})

test('a topic that is right is left alone, and no right to make topics is needed; older brokers know no bounds', async () => {
  for (const bounds of [BOUNDS, {}]) {
    const { cluster, topics } = preparing()
    await metadata(cluster, found(4))
    await settings(cluster, { ...SETTLED, ...bounds, 'max.message.bytes': '20000000', 'segment.bytes': '1000000' })
    assert.equal((await topics)[0]?.partitions, 4)
    assert.deepEqual(cluster.pending, [])
  }
})

test('what somebody changed is put right', async () => {
  const { cluster, topics } = preparing()
  await metadata(cluster, found(4))
  await settings(cluster, { ...SETTLED, ...BOUNDS, 'retention.ms': '604800000', 'max.message.bytes': '1048588' })
  assert.deepEqual(await altered(cluster), { 'retention.ms': '-1', 'max.message.bytes': '16777216' })
  await topics
})

test('another number of partitions is refused before anything is changed', async () => {
  const { cluster, topics } = preparing()
  await metadata(cluster, found(5))
  await assert.rejects(topics, (error) => isMillraceError(error, 'MR_EXCHANGE_PARTITIONS'))
  assert.deepEqual(cluster.pending, [])
})

test('who plans asks first how many partitions there are', async () => {
  const cluster = new ScriptedCluster()
  const { exchange } = openTestExchange({ cluster })
  const present = exchange.partitionsOf('x')
  await metadata(cluster, found(5))
  assert.equal(await present, 5)
  const absent = exchange.partitionsOf('x')
  await metadata(cluster, found(0, 3)) // UNKNOWN_TOPIC_OR_PARTITION
  assert.equal(await absent, undefined)
})

test('a topic that may not be used is an error at once', async () => {
  const { cluster, topics } = preparing()
  await metadata(cluster, found(0, 29)) // TOPIC_AUTHORIZATION_FAILED
  await assert.rejects(topics, (error) => isMillraceError(error, 'MR_KAFKA_AUTHORIZATION'))
})

test('trimming asks each leader once, and for nothing where nothing is to be trimmed', async () => {
  const cluster = new ScriptedCluster().lead(TOPIC, 0, 1).lead(TOPIC, 1, 2).lead(TOPIC, 2, 1)
  const { exchange } = openTestExchange({ cluster })
  await exchange.trim({ x: { 0: 0 } })
  assert.deepEqual(cluster.pending, [])
  const trimming = exchange.trim({ x: { 0: 50, 1: 60, 2: 70 } })
  const asked: unknown[] = []
  for (let leader = 1; leader <= 2; leader++) {
    const { target, input, answer } = await cluster.next(DeleteRecords)
    asked.push([target, input.targets.map(({ partition, beforeOffset }) => [partition, beforeOffset])])
    answer(input.targets.map(({ topic, partition }) => ({ topic, partition, lowWatermark: 80, errorCode: 0 })))
  }
  assert.deepEqual(asked, [
    [
      1,
      [
        [0, 50],
        [2, 70],
      ],
    ],
    [2, [[1, 60]]],
  ])
  await trimming
})
