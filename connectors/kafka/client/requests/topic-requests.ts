/** Requests that make, change, describe and trim topics. */
import type { RequestType } from '../request-type.ts'

export interface NewTopic {
  readonly name: string
  /** -1: the broker's default (Kafka ≥ 2.4). */
  readonly partitions: number
  /** -1: the broker's default (Kafka ≥ 2.4). */
  readonly replicationFactor: number
  readonly configs?: Readonly<Record<string, string>>
}

export interface TopicResult {
  readonly topic: string
  readonly errorCode: number
  readonly message: string | null
}

export const CreateTopics: RequestType<{ topics: readonly NewTopic[]; timeoutMs: number }, readonly TopicResult[]> = {
  name: 'CreateTopics',
  apiKey: 19,
  minVersion: 2,
  maxVersion: 4,
  firstFlexibleVersion: 5,
  encode(writer, input) {
    writer.array(input.topics, (topic) => {
      writer.string(topic.name)
      writer.int32(topic.partitions)
      writer.int16(topic.replicationFactor)
      writer.arrayLength(0) // assignments by hand
      writer.array(Object.entries(topic.configs ?? {}), ([name, value]) => {
        writer.string(name)
        writer.nullableString(value)
      })
    })
    writer.int32(input.timeoutMs)
    writer.boolean(false) // validate only
  },
  decode(reader) {
    reader.int32() // throttle time
    return reader.array(() => ({ topic: reader.string(), errorCode: reader.int16(), message: reader.nullableString() }))
  },
}

export const DeleteTopics: RequestType<{ topics: readonly string[]; timeoutMs: number }, readonly TopicResult[]> = {
  name: 'DeleteTopics',
  apiKey: 20,
  minVersion: 1,
  maxVersion: 3,
  firstFlexibleVersion: 4,
  encode(writer, input) {
    writer.array(input.topics, (topic) => writer.string(topic))
    writer.int32(input.timeoutMs)
  },
  decode(reader) {
    reader.int32() // throttle time
    return reader.array(() => ({ topic: reader.string(), errorCode: reader.int16(), message: null }))
  },
}

export const CreatePartitions: RequestType<
  { topics: ReadonlyArray<{ name: string; count: number }>; timeoutMs: number },
  readonly TopicResult[]
> = {
  name: 'CreatePartitions',
  apiKey: 37,
  minVersion: 0,
  maxVersion: 1,
  firstFlexibleVersion: 2,
  encode(writer, input) {
    writer.array(input.topics, (topic) => {
      writer.string(topic.name)
      writer.int32(topic.count)
      writer.nullArray() // assignments by hand
    })
    writer.int32(input.timeoutMs)
    writer.boolean(false) // validate only
  },
  decode(reader) {
    reader.int32() // throttle time
    return reader.array(() => ({ topic: reader.string(), errorCode: reader.int16(), message: reader.nullableString() }))
  },
}

/** What a partition's log is cut off before: DeleteRecords. */
export interface TrimTarget {
  readonly topic: string
  readonly partition: number
  /** The first offset to stay. */
  readonly beforeOffset: number
}

export interface TrimResult {
  readonly topic: string
  readonly partition: number
  /** The log's new start. */
  readonly lowWatermark: number
  readonly errorCode: number
}

export const DeleteRecords: RequestType<{ targets: readonly TrimTarget[]; timeoutMs: number }, readonly TrimResult[]> = {
  name: 'DeleteRecords',
  apiKey: 21,
  minVersion: 0,
  maxVersion: 1,
  firstFlexibleVersion: 2,
  encode(writer, input) {
    writer.array([...Map.groupBy(input.targets, (target) => target.topic)], ([topic, targets]) => {
      writer.string(topic)
      writer.array(targets, (target) => {
        writer.int32(target.partition)
        writer.int64(target.beforeOffset)
      })
    })
    writer.int32(input.timeoutMs)
  },
  decode(reader) {
    reader.int32() // throttle time
    return reader
      .array(() => {
        const topic = reader.string()
        return reader.array(() => ({
          topic,
          partition: reader.int32(),
          lowWatermark: reader.int64(),
          errorCode: reader.int16(),
        }))
      })
      .flat()
  },
}
