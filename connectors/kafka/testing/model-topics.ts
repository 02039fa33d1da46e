/** The topics of the Kafka model: partitions, ids, settings. */
import type { Simulation } from '../../../src/testing/simulator/simulation.ts'
import { KafkaCode } from '../client/kafka-errors.ts'
import type { NewTopic } from '../client/requests/topic-requests.ts'
import { ModelPartition } from './model-partition.ts'

export interface ModelTopic {
  readonly name: string
  readonly topicId: string
  readonly partitions: ModelPartition[]
  readonly configs: Map<string, string>
  /** Brokers learn of it a moment after its creation was answered. */
  readonly knownFromMs: number
}

/** Kafka 4.1's, of the settings that the product sets or asks for. */
const TOPIC_DEFAULTS: Readonly<Record<string, string>> = {
  'cleanup.policy': 'delete',
  'compression.type': 'producer',
  'delete.retention.ms': '86400000',
  'file.delete.delay.ms': '60000',
  'max.message.bytes': '1048588',
  'message.timestamp.after.max.ms': '3600000',
  'message.timestamp.before.max.ms': '9223372036854775807',
  'message.timestamp.type': 'CreateTime',
  'min.compaction.lag.ms': '0',
  'min.insync.replicas': '1',
  'retention.bytes': '-1',
  'retention.ms': '604800000',
  'segment.bytes': '1073741824',
  'segment.ms': '604800000',
  'unclean.leader.election.enable': 'false',
}

const LONGEST_SPREADING_MS = 20

export class ModelTopics {
  /** For checkers: called for every partition that is made. */
  onPartition: (partition: ModelPartition) => void = () => {}
  private readonly simulation: Simulation
  private readonly byName = new Map<string, ModelTopic>()
  private readonly chooseLeader: (index: number) => number
  private ids = 0

  constructor(simulation: Simulation, chooseLeader: (index: number) => number) {
    this.simulation = simulation
    this.chooseLeader = chooseLeader
  }

  get all(): Iterable<ModelTopic> {
    return this.byName.values()
  }

  /** As the brokers know it. */
  get(name: string): ModelTopic | undefined {
    const topic = this.byName.get(name)
    return topic !== undefined && topic.knownFromMs <= this.simulation.nowMs ? topic : undefined
  }

  partition(topic: string, partition: number): ModelPartition | undefined {
    return this.get(topic)?.partitions[partition]
  }

  create({ name, partitions, configs = {} }: NewTopic, random: () => number): number {
    if (this.byName.has(name)) return KafkaCode.topicAlreadyExists
    if (!/^[a-zA-Z0-9._-]{1,249}$/.test(name)) return KafkaCode.invalidTopic
    if (partitions === 0 || partitions < -1) return INVALID_PARTITIONS
    if (Object.keys(configs).some((config) => TOPIC_DEFAULTS[config] === undefined)) return INVALID_CONFIG
    const topic: ModelTopic = {
      name,
      topicId: (++this.ids).toString(16).padStart(32, '0'),
      partitions: [],
      configs: new Map(Object.entries(configs)),
      knownFromMs: this.simulation.nowMs + random() * LONGEST_SPREADING_MS,
    }
    this.byName.set(name, topic)
    this.grow(topic, partitions === -1 ? 1 : partitions)
    return KafkaCode.none
  }

  delete(name: string): number {
    const topic = this.get(name)
    if (topic === undefined) return KafkaCode.unknownTopicOrPartition
    this.byName.delete(name)
    for (const partition of topic.partitions) partition.lead(-1)
    return KafkaCode.none
  }

  addPartitions(name: string, count: number): number {
    const topic = this.get(name)
    if (topic === undefined) return KafkaCode.unknownTopicOrPartition
    if (count <= topic.partitions.length) return INVALID_PARTITIONS
    this.grow(topic, count)
    return KafkaCode.none
  }

  setting(topic: ModelTopic, name: string): string | undefined {
    return topic.configs.get(name) ?? TOPIC_DEFAULTS[name]
  }

  settings(topic: ModelTopic): ReadonlyMap<string, string> {
    return new Map([...Object.entries(TOPIC_DEFAULTS), ...topic.configs])
  }

  set(topic: ModelTopic, values: Readonly<Record<string, string>>): number {
    if (Object.keys(values).some((name) => TOPIC_DEFAULTS[name] === undefined)) return INVALID_CONFIG
    for (const [name, value] of Object.entries(values)) topic.configs.set(name, value)
    return KafkaCode.none
  }

  private grow(topic: ModelTopic, count: number): void {
    while (topic.partitions.length < count) {
      const partition = topic.partitions.length
      const made = new ModelPartition(topic.name, partition, this.chooseLeader(partition))
      topic.partitions.push(made)
      this.onPartition(made)
    }
  }
}

const INVALID_PARTITIONS = 37
const INVALID_CONFIG = 40
