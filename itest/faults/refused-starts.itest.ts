/** What a start refuses, with which error and how soon; nothing of it harms an application that has output already. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { deleteRecords, deleteTopics } from '../../connectors/kafka/client/admin.ts'
import { type KafkaServer, startKafka } from '../support/servers.ts'
import { failsWith } from './failure.ts'
import { createTopic, Scene } from './scene.ts'

const PART = 2_000
const MAX_TRANSACTION_TIMEOUT_MS = 120_000

describe('a start', { concurrency: 3 }, () => {
  let kafka: KafkaServer
  before(async () => {
    kafka = await startKafka({ config: { 'transaction.max.timeout.ms': String(MAX_TRANSACTION_TIMEOUT_MS) } })
  })
  after(() => kafka.close())

  async function withScene(name: string, play: (scene: Scene) => Promise<void>): Promise<void> {
    const scene = await Scene.open(kafka, { name })
    try {
      await play(scene)
    } finally {
      await scene.close()
    }
  }

  test('with checkpoints that may take longer than a transaction is refused', async () => {
    await withScene('long-checkpoints', async (scene) => {
      const options = { 'transaction-timeout': '60s', 'checkpoint-timeout': '70s' }
      const { message } = await failsWith(scene.start({ options }), 'MR_CONFIG_TRANSACTION_TIMEOUT', 2)
      assert.match(message, /stay open for .*checkpoint-timeout 70s.* but the transaction timeout is 1m$/)
    })
  })

  test('likewise where the transaction timeout is what the brokers allow', async () => {
    await withScene('long-checkpoints-auto', async (scene) => {
      const options = { 'checkpoint-timeout': '60s', 'checkpoint-tolerable-failures': 2 }
      const { message } = await failsWith(scene.start({ options }), 'MR_CONFIG_TRANSACTION_TIMEOUT', 2)
      assert.match(message, /but the transaction timeout is 2m$/)
    })
  })

  test('with a transaction timeout above what the brokers allow is refused', async () => {
    await withScene('long-transactions', async (scene) => {
      const options = { 'transaction-timeout': '10m', 'checkpoint-timeout': '5s' }
      const { message } = await failsWith(scene.start({ options }), 'MR_CONFIG_TRANSACTION_TIMEOUT', 2)
      assert.match(message, /transaction-timeout is 10m, but the brokers allow at most 2m$/)
    })
  })

  test('without a broker in reach gives up within seconds, and names the address', async () => {
    await withScene('unreachable', async (scene) => {
      const startedAtMs = performance.now()
      const { message } = await failsWith(scene.start({ options: { brokers: '127.0.0.1:1' } }), 'MR_KAFKA_UNREACHABLE')
      assert.match(message, /127\.0\.0\.1:1/)
      assert.ok(performance.now() - startedAtMs < 30_000)
    })
  })

  test('without its topics is refused, and names the one that is missing', async () => {
    await withScene('topicless', async (scene) => {
      const options = { 'checkpoint-timeout': '5s' }
      for (const env of [{ IN_TOPIC: 'nowhere' }, { OUT_TOPIC: 'nowhere' }]) {
        const { message } = await failsWith(scene.start({ options, env }), 'MR_KAFKA_TOPIC_MISSING')
        assert.match(message, /nowhere/)
      }
    })
  })

  /** An application with output, stopped; then something happens to it. */
  async function withPast(name: string, play: (scene: Scene) => Promise<void>): Promise<void> {
    const scene = await Scene.open(kafka, { name, options: { 'checkpoint-timeout': '5s' } })
    try {
      const job = scene.start()
      await scene.write(PART)
      await scene.committed(job)
      await job.kill('SIGTERM')
      await play(scene)
    } finally {
      await scene.close()
    }
  }

  test('on an input topic that was deleted and created again is refused', async () => {
    await withPast('replaced', async (scene) => {
      await deleteTopics(scene.client, [scene.inTopic])
      await createTopic(scene.client, scene.inTopic)
      const { message } = await failsWith(scene.start(), 'MR_SOURCE_REPLACED')
      assert.ok(message.includes(scene.inTopic), message)
    })
  })

  test('without the control topic that the checkpoints belong to is refused, every time', async () => {
    await withPast('forgotten', async (scene) => {
      await deleteTopics(scene.client, [`${scene.name}.control`])
      for (let i = 0; i < 2; i++) await failsWith(scene.start(), 'MR_CONTROL_LOG_MISSING')
    })
  })

  test('behind records that were deleted unread is refused, and names them', async () => {
    await withPast('deleted', async (scene) => {
      await scene.write(PART)
      const ends = await scene.ends(scene.inTopic)
      const target = { topic: scene.inTopic, partition: 0, beforeOffset: ends[0] ?? 0 }
      await deleteRecords(scene.client, [target])
      const { message } = await failsWith(scene.start(), 'MR_KAFKA_OFFSET_OUT_OF_RANGE')
      assert.match(message, new RegExp(`records from \\d+ to ${target.beforeOffset - 1} have been deleted`))
    })
  })
})
