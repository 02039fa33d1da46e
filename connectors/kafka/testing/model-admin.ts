/** Requests about the cluster itself: Metadata, FindCoordinator, topics and their settings. */
import { KafkaCode } from '../client/kafka-errors.ts'
import {
  type ConfigResource,
  type ConfigResult,
  DescribeConfigs,
  IncrementalAlterConfigs,
} from '../client/requests/config-requests.ts'
import { Metadata, type MetadataAnswer, type TopicMetadata } from '../client/requests/metadata-request.ts'
import { CreatePartitions, CreateTopics, DeleteTopics } from '../client/requests/topic-requests.ts'
import { FindCoordinator } from '../client/requests/transaction-requests.ts'
import type { ModelBroker, ModelHandlers } from './model-broker.ts'
import type { ModelTopics } from './model-topics.ts'

export interface AdminParts {
  readonly brokers: readonly ModelBroker[]
  readonly topics: ModelTopics
  readonly random: () => number
  /** Undefined: nobody coordinates it at the moment. */
  readonly coordinatorOf: (key: string) => ModelBroker | undefined
  readonly brokerSettings: () => ReadonlyMap<string, string>
}

export class ModelAdmin {
  private readonly parts: AdminParts

  constructor(parts: AdminParts) {
    this.parts = parts
  }

  register(handlers: ModelHandlers): void {
    const { topics, random, coordinatorOf } = this.parts
    const result = (topic: string, errorCode: number) => ({ topic, errorCode, message: null })
    handlers.on(Metadata, ({ topics: names }, call) => call.reply(this.metadata(names)))
    handlers.on(FindCoordinator, ({ key }, call) => {
      const broker = coordinatorOf(key)
      if (broker === undefined) {
        call.reply({ errorCode: KafkaCode.coordinatorNotAvailable, message: null, brokerId: -1, host: '', port: -1 })
      } else {
        call.reply({ errorCode: 0, message: null, brokerId: broker.id, host: broker.host, port: broker.port })
      }
    })
    handlers.on(CreateTopics, ({ topics: wanted }, call) => {
      call.reply(wanted.map((topic) => result(topic.name, topics.create(topic, random))))
    })
    handlers.on(DeleteTopics, ({ topics: names }, call) => {
      call.reply(names.map((name) => result(name, topics.delete(name))))
    })
    handlers.on(CreatePartitions, ({ topics: wanted }, call) => {
      call.reply(wanted.map(({ name, count }) => result(name, topics.addPartitions(name, count))))
    })
    handlers.on(DescribeConfigs, ({ resource, names }, call) => call.reply([this.describe(resource, names)]))
    handlers.on(IncrementalAlterConfigs, ({ resource, set }, call) => {
      call.reply([{ resourceName: nameOf(resource), errorCode: this.alter(resource, set), message: null }])
    })
  }

  private metadata(names: readonly string[] | null): MetadataAnswer {
    const { brokers, topics } = this.parts
    const up = brokers.filter((broker) => broker.isUp)
    const wanted = names ?? [...topics.all].map(({ name }) => name)
    return {
      brokers: up.map(({ id, host, port }) => ({ id, host, port, rack: null })),
      clusterId: 'model',
      controllerId: up[0]?.id ?? -1,
      topics: wanted.map((name) => this.topicMetadata(name)),
    }
  }

  private topicMetadata(name: string): TopicMetadata {
    const topic = this.parts.topics.get(name)
    if (topic === undefined) {
      return { name, errorCode: KafkaCode.unknownTopicOrPartition, topicId: null, isInternal: false, partitions: [] }
    }
    const partitions = topic.partitions.map(({ partition, leader, leaderEpoch }) => ({
      partition,
      errorCode: leader < 0 ? KafkaCode.leaderNotAvailable : 0,
      leader,
      leaderEpoch,
      replicas: leader < 0 ? [] : [leader],
      inSyncReplicas: leader < 0 ? [] : [leader],
    }))
    return { name, errorCode: 0, topicId: topic.topicId, isInternal: false, partitions }
  }

  private describe(resource: ConfigResource, names: readonly string[] | null): ConfigResult {
    const { topics, brokerSettings } = this.parts
    const topic = 'topic' in resource ? topics.get(resource.topic) : undefined
    const resourceName = nameOf(resource)
    if ('topic' in resource && topic === undefined) {
      return { resourceName, errorCode: KafkaCode.unknownTopicOrPartition, message: null, values: new Map() }
    }
    const all = topic === undefined ? brokerSettings() : topics.settings(topic)
    const values = new Map([...all].filter(([name]) => names === null || names.includes(name)))
    return { resourceName, errorCode: 0, message: null, values }
  }

  private alter(resource: ConfigResource, set: Readonly<Record<string, string>>): number {
    if (!('topic' in resource)) return KafkaCode.none
    const topic = this.parts.topics.get(resource.topic)
    return topic === undefined ? KafkaCode.unknownTopicOrPartition : this.parts.topics.set(topic, set)
  }
}

function nameOf(resource: ConfigResource): string {
  return 'topic' in resource ? resource.topic : String(resource.broker)
}
