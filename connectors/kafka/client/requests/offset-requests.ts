/** Requests about offsets: of logs, and of groups. */
import type { RequestType } from '../request-type.ts'

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export const LATEST_TIMESTAMP = -1
export const EARLIEST_TIMESTAMP = -2

export interface ListOffsetsInput {
  readonly readCommitted: boolean
  /** Milliseconds since 1970, or one of the two constants above. */
  readonly targets: ReadonlyArray<TopicPartition & { timestamp: number }>
}

export interface ListedOffset extends TopicPartition {
  readonly errorCode: number
  /** Of the record found; -1 where no record is that new, and for earliest and latest. */
  readonly timestamp: number
  /** -1: no record has that timestamp or a later one. */
  readonly offset: number
}

export const ListOffsets: RequestType<ListOffsetsInput, readonly ListedOffset[]> = {
  name: 'ListOffsets',
  apiKey: 2,
  minVersion: 2,
  maxVersion: 5,
  firstFlexibleVersion: 6,
  encode(writer, input, version) {
    writer.int32(-1) // replica id
    writer.int8(input.readCommitted ? 1 : 0)
    writer.array([...Map.groupBy(input.targets, (target) => target.topic)], ([topic, targets]) => {
      writer.string(topic)
      writer.array(targets, (target) => {
        writer.int32(target.partition)
        if (version >= 4) writer.int32(-1) // current leader epoch
        writer.int64(target.timestamp)
      })
    })
  },
  decode(reader, version) {
    reader.int32() // throttle time
    return reader
      .array(() => {
        const topic = reader.string()
        return reader.array((): ListedOffset => {
          const listed = {
            topic,
            partition: reader.int32(),
            errorCode: reader.int16(),
            timestamp: reader.int64(),
            offset: reader.int64(),
          }
          if (version >= 4) reader.int32() // leader epoch
          return listed
        })
      })
      .flat()
  },
}

export interface OffsetCommitInput {
  readonly groupId: string
  /** -1: a simple commit, by no member; refused while the group has members of another kind. */
  readonly generation: number
  readonly memberId: string
  readonly offsets: ReadonlyArray<TopicPartition & { offset: number; metadata?: string }>
}

export const OffsetCommit: RequestType<OffsetCommitInput, ReadonlyArray<TopicPartition & { errorCode: number }>> = {
  name: 'OffsetCommit',
  apiKey: 8,
  minVersion: 2,
  maxVersion: 7,
  firstFlexibleVersion: 8,
  encode(writer, input, version) {
    writer.string(input.groupId)
    writer.int32(input.generation)
    writer.string(input.memberId)
    if (version >= 7) writer.nullableString(null) // static membership
    if (version <= 4) writer.int64(-1) // retention: the broker's
    writer.array([...Map.groupBy(input.offsets, (item) => item.topic)], ([topic, items]) => {
      writer.string(topic)
      writer.array(items, (item) => {
        writer.int32(item.partition)
        writer.int64(item.offset)
        if (version >= 6) writer.int32(-1) // leader epoch
        writer.nullableString(item.metadata ?? '')
      })
    })
  },
  decode(reader, version) {
    if (version >= 3) reader.int32() // throttle time
    return reader
      .array(() => {
        const topic = reader.string()
        return reader.array(() => ({ topic, partition: reader.int32(), errorCode: reader.int16() }))
      })
      .flat()
  },
}

export interface OffsetFetchInput {
  readonly groupId: string
  readonly partitions: readonly TopicPartition[]
}

/** `offset` -1: nothing committed. */
export const OffsetFetch: RequestType<
  OffsetFetchInput,
  { errorCode: number; offsets: ReadonlyArray<TopicPartition & { offset: number; errorCode: number }> }
> = {
  name: 'OffsetFetch',
  apiKey: 9,
  minVersion: 2,
  maxVersion: 5,
  firstFlexibleVersion: 6,
  encode(writer, input) {
    writer.string(input.groupId)
    writer.array([...Map.groupBy(input.partitions, (item) => item.topic)], ([topic, items]) => {
      writer.string(topic)
      writer.array(items, (item) => writer.int32(item.partition))
    })
  },
  decode(reader, version) {
    if (version >= 3) reader.int32() // throttle time
    const offsets = reader
      .array(() => {
        const topic = reader.string()
        return reader.array(() => {
          const partition = reader.int32()
          const offset = reader.int64()
          if (version >= 5) reader.int32() // leader epoch
          reader.nullableString()
          return { topic, partition, offset, errorCode: reader.int16() }
        })
      })
      .flat()
    return { errorCode: reader.int16(), offsets }
  },
}
