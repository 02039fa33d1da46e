import type { RequestType } from '../request-type.ts'

export interface PartitionMetadata {
  readonly partition: number
  readonly errorCode: number
  /** Broker id; -1: there is none at the moment. */
  readonly leader: number
  /** -1: the broker doesn't tell. */
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly inSyncReplicas: readonly number[]
}

export interface TopicMetadata {
  readonly name: string
  readonly errorCode: number
  /** 32 hex digits, a new one for each topic of the name; null before Kafka 2.8. */
  readonly topicId: string | null
  readonly isInternal: boolean
  /** By partition number, without gaps. */
  readonly partitions: readonly PartitionMetadata[]
}

export interface BrokerMetadata {
  readonly id: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
}

export interface MetadataAnswer {
  readonly brokers: readonly BrokerMetadata[]
  readonly clusterId: string | null
  readonly controllerId: number
  readonly topics: readonly TopicMetadata[]
}

export interface MetadataInput {
  /** null: every topic; empty: none, brokers alone. */
  readonly topics: readonly string[] | null
}

const NO_TOPIC_ID = Buffer.alloc(16)

export const Metadata: RequestType<MetadataInput, MetadataAnswer> = {
  name: 'Metadata',
  apiKey: 3,
  minVersion: 4, // the first that can say "don't create the topic"
  maxVersion: 12,
  firstFlexibleVersion: 9,
  encode(writer, input, version) {
    if (input.topics === null) writer.nullArray()
    else {
      writer.array(input.topics, (topic) => {
        if (version >= 10) writer.uuid(NO_TOPIC_ID)
        writer.nullableString(topic)
        writer.tags()
      })
    }
    writer.boolean(false) // allow auto topic creation
    if (version >= 8 && version <= 10) writer.boolean(false) // cluster authorized operations
    if (version >= 8) writer.boolean(false) // topic authorized operations
    writer.tags()
  },
  decode(reader, version) {
    reader.int32() // throttle time
    const brokers = reader.array(() => {
      const broker = { id: reader.int32(), host: reader.string(), port: reader.int32(), rack: reader.nullableString() }
      reader.tags()
      return broker
    })
    const clusterId = reader.nullableString()
    const controllerId = reader.int32()
    const topics = reader.array((): TopicMetadata => {
      const errorCode = reader.int16()
      const name = reader.nullableString() ?? ''
      const topicId = version >= 10 ? reader.uuid().toString('hex') : null
      const isInternal = reader.boolean()
      const partitions = reader.array((): PartitionMetadata => {
        const partition = {
          errorCode: reader.int16(),
          partition: reader.int32(),
          leader: reader.int32(),
          leaderEpoch: version >= 7 ? reader.int32() : -1,
          replicas: reader.array(() => reader.int32()),
          inSyncReplicas: reader.array(() => reader.int32()),
        }
        if (version >= 5) reader.array(() => reader.int32()) // offline replicas
        reader.tags()
        return partition
      })
      if (version >= 8) reader.int32() // topic authorized operations
      reader.tags()
      partitions.sort((a, b) => a.partition - b.partition)
      return { name, errorCode, topicId: topicId === ZERO_ID ? null : topicId, isInternal, partitions }
    })
    return { brokers, clusterId, controllerId, topics }
  },
}

const ZERO_ID = '0'.repeat(32)
