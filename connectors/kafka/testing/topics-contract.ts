/** Topics: made, changed, deleted, made again. */
import assert from 'node:assert/strict'
import { kafkaErrorName } from '../client/kafka-errors.ts'
import { DescribeConfigs, IncrementalAlterConfigs } from '../client/requests/config-requests.ts'
import { Metadata } from '../client/requests/metadata-request.ts'
import { CreatePartitions, DeleteTopics } from '../client/requests/topic-requests.ts'
import { ContractClient, type KafkaUnderContract } from './contract-kit.ts'

export const topicScripts = {
  async 'a topic is made once, with a name, partitions and settings that can be'(kafka: KafkaUnderContract) {
    const own = new ContractClient(await kafka.connect('contract'))
    assert.equal(await own.createTopic('made', 2), 'NONE')
    assert.equal(await own.createTopic('made', 2), 'TOPIC_ALREADY_EXISTS')
    assert.equal(await own.createTopic('not a name'), 'INVALID_TOPIC_EXCEPTION')
    assert.equal(await own.createTopic('none', 0), 'INVALID_PARTITIONS')
    assert.equal(await own.createTopic('odd', 1, { 'no.such.setting': '1' }), 'INVALID_CONFIG')
    assert.equal((await own.client.topic('made')).partitions.length, 2)
  },

  async 'settings are described and changed one by one'(kafka: KafkaUnderContract) {
    const own = new ContractClient(await kafka.connect('contract'))
    await own.createTopic('set', 1, { 'retention.ms': '-1' })
    const resource = { topic: 'set' }
    const describe = async (names: readonly string[]) => {
      const [result] = await own.request('any', DescribeConfigs, { resource, names })
      return Object.fromEntries(result!.values)
    }
    const asked = ['retention.ms', 'retention.bytes', 'cleanup.policy', 'message.timestamp.type', 'max.message.bytes']
    const before = {
      'retention.ms': '-1',
      'retention.bytes': '-1',
      'cleanup.policy': 'delete',
      'message.timestamp.type': 'CreateTime',
      'max.message.bytes': '1048588',
    }
    assert.deepEqual(await describe(asked), before)
    const alter = async (set: Readonly<Record<string, string>>) => {
      const [result] = await own.request('any', IncrementalAlterConfigs, { resource, set })
      return kafkaErrorName(result!.errorCode)
    }
    assert.equal(await alter({ 'cleanup.policy': 'compact' }), 'NONE')
    assert.equal(await alter({ 'no.such.setting': '1' }), 'INVALID_CONFIG')
    assert.deepEqual(await describe(asked), { ...before, 'cleanup.policy': 'compact' })
    const [missing] = await own.request('any', DescribeConfigs, { resource: { topic: 'missing' }, names: null })
    assert.equal(kafkaErrorName(missing!.errorCode), 'UNKNOWN_TOPIC_OR_PARTITION')
    const name = 'transaction.max.timeout.ms'
    const [broker] = await own.request(1, DescribeConfigs, { resource: { broker: 1 }, names: [name] })
    assert.equal(broker!.values.get(name), '900000')
  },

  async 'a topic gets more partitions, never fewer'(kafka: KafkaUnderContract) {
    const own = new ContractClient(await kafka.connect('contract'))
    await own.createTopic('growing', 2)
    const grow = async (name: string, count: number) => {
      const [result] = await own.request('controller', CreatePartitions, { topics: [{ name, count }], timeoutMs: 10_000 })
      return kafkaErrorName(result!.errorCode)
    }
    assert.equal(await grow('growing', 2), 'INVALID_PARTITIONS')
    assert.equal(await grow('growing', 1), 'INVALID_PARTITIONS')
    assert.equal(await grow('growing', 3), 'NONE')
    assert.equal(await grow('nowhere', 3), 'UNKNOWN_TOPIC_OR_PARTITION')
    while ((await own.client.topic('growing')).partitions.length < 3) await own.client.clock.sleep(20)
  },

  async 'a topic that is deleted and made again has another id and nothing in it'(kafka: KafkaUnderContract) {
    const own = new ContractClient(await kafka.connect('contract'))
    await own.createTopic('again')
    const before = await own.client.topic('again')
    assert.equal(await own.write('again'), 'ok 0')
    const remove = async () => {
      const [result] = await own.request('controller', DeleteTopics, { topics: ['again'], timeoutMs: 10_000 })
      return kafkaErrorName(result!.errorCode)
    }
    assert.equal(await remove(), 'NONE')
    assert.equal(await remove(), 'UNKNOWN_TOPIC_OR_PARTITION')
    const codeInMetadata = async () => (await own.request('any', Metadata, { topics: ['again'] })).topics[0]!.errorCode
    while ((await codeInMetadata()) === 0) await own.client.clock.sleep(20)
    assert.equal(kafkaErrorName(await codeInMetadata()), 'UNKNOWN_TOPIC_OR_PARTITION')
    assert.equal(kafkaErrorName((await own.fetch('again', 0)).errorCode), 'UNKNOWN_TOPIC_OR_PARTITION')
    assert.equal(await own.write('again'), 'UNKNOWN_TOPIC_OR_PARTITION')
    await own.createTopic('again')
    const after = await own.client.topic('again')
    assert.notEqual(after.topicId, before.topicId)
    assert.match(after.topicId ?? '', /^[0-9a-f]{32}$/)
    assert.deepEqual(await own.offsets('again'), [0, 0, 0])
  },
}
