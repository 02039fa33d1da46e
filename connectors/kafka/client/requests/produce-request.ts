import type { RequestType } from '../request-type.ts'
import type { TopicPartition } from './offset-requests.ts'

export interface ProduceInput {
  readonly transactionalId: string | null
  /** How long the leader waits for its followers. */
  readonly timeoutMs: number
  /** One record batch a partition at most. The buffers are sent as they are. */
  readonly batches: ReadonlyArray<TopicPartition & { records: Buffer }>
}

export interface ProducedPartition extends TopicPartition {
  readonly errorCode: number
  /** Of the batch's first record; -1 where the broker doesn't tell. */
  readonly baseOffset: number
  readonly message: string | null
}

const ALL_REPLICAS = -1

/** At most version 8: zstd is known from 7 on, 8 brings messages; version 12 begins KIP-890's second part. */
export const Produce: RequestType<ProduceInput, readonly ProducedPartition[]> = {
  name: 'Produce',
  apiKey: 0,
  minVersion: 3,
  maxVersion: 8,
  firstFlexibleVersion: 9,
  encode(writer, input) {
    writer.nullableString(input.transactionalId)
    writer.int16(ALL_REPLICAS)
    writer.int32(input.timeoutMs)
    writer.array([...Map.groupBy(input.batches, (batch) => batch.topic)], ([topic, batches]) => {
      writer.string(topic)
      writer.array(batches, (batch) => {
        writer.int32(batch.partition)
        writer.bytesByReference(batch.records)
      })
    })
  },
  decode(reader, version) {
    const produced = reader
      .array(() => {
        const topic = reader.string()
        return reader.array((): ProducedPartition => {
          const partition = reader.int32()
          const errorCode = reader.int16()
          const baseOffset = reader.int64()
          reader.int64() // append time
          if (version >= 5) reader.int64() // log start offset
          let message: string | null = null
          if (version >= 8) {
            const recordMessages = reader.array(() => {
              reader.int32()
              return reader.nullableString()
            })
            message = reader.nullableString() ?? recordMessages[0] ?? null
          }
          return { topic, partition, errorCode, baseOffset, message }
        })
      })
      .flat()
    reader.int32() // throttle time
    return produced
  },
}
