/** Requests to the transaction coordinator, and the one that finds it. */
import type { RequestType } from '../request-type.ts'
import type { TopicPartition } from './offset-requests.ts'

export interface FindCoordinatorInput {
  readonly key: string
  readonly kind: 'group' | 'transaction'
}

export interface CoordinatorAnswer {
  readonly errorCode: number
  readonly message: string | null
  readonly brokerId: number
  readonly host: string
  readonly port: number
}

export const FindCoordinator: RequestType<FindCoordinatorInput, CoordinatorAnswer> = {
  name: 'FindCoordinator',
  apiKey: 10,
  minVersion: 1,
  maxVersion: 2,
  firstFlexibleVersion: 3,
  encode(writer, input) {
    writer.string(input.key)
    writer.int8(input.kind === 'group' ? 0 : 1)
  },
  decode(reader) {
    reader.int32() // throttle time
    return {
      errorCode: reader.int16(),
      message: reader.nullableString(),
      brokerId: reader.int32(),
      host: reader.string(),
      port: reader.int32(),
    }
  },
}

export interface InitProducerIdInput {
  readonly transactionalId: string | null
  readonly transactionTimeoutMs: number
  /** -1 and -1: whatever the coordinator knows. Others (version 3, KIP-360): refused unless they are the current ones. */
  readonly producerId: number
  readonly producerEpoch: number
}

export interface InitProducerIdAnswer {
  readonly errorCode: number
  readonly producerId: number
  readonly producerEpoch: number
}

/** At most version 4: from 5 on the coordinator takes the client for one of KIP-890's second part. */
export const InitProducerId: RequestType<InitProducerIdInput, InitProducerIdAnswer> = {
  name: 'InitProducerId',
  apiKey: 22,
  minVersion: 0,
  maxVersion: 4,
  firstFlexibleVersion: 2,
  encode(writer, input, version) {
    writer.nullableString(input.transactionalId)
    writer.int32(input.transactionTimeoutMs)
    if (version >= 3) {
      writer.int64(input.producerId)
      writer.int16(input.producerEpoch)
    }
    writer.tags()
  },
  decode(reader) {
    reader.int32() // throttle time
    const answer = { errorCode: reader.int16(), producerId: reader.int64(), producerEpoch: reader.int16() }
    reader.tags()
    return answer
  },
}

export interface TransactionRef {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
}

/** At most version 3: later ones are for brokers among themselves (KIP-890). */
export const AddPartitionsToTxn: RequestType<
  TransactionRef & { partitions: readonly TopicPartition[] },
  ReadonlyArray<TopicPartition & { errorCode: number }>
> = {
  name: 'AddPartitionsToTxn',
  apiKey: 24,
  minVersion: 0,
  maxVersion: 3,
  firstFlexibleVersion: 3,
  encode(writer, input) {
    writer.string(input.transactionalId)
    writer.int64(input.producerId)
    writer.int16(input.producerEpoch)
    writer.array([...Map.groupBy(input.partitions, (item) => item.topic)], ([topic, items]) => {
      writer.string(topic)
      writer.array(items, (item) => writer.int32(item.partition))
      writer.tags()
    })
    writer.tags()
  },
  decode(reader) {
    reader.int32() // throttle time
    const results = reader
      .array(() => {
        const topic = reader.string()
        const partitions = reader.array(() => {
          const result = { topic, partition: reader.int32(), errorCode: reader.int16() }
          reader.tags()
          return result
        })
        reader.tags()
        return partitions
      })
      .flat()
    reader.tags()
    return results
  },
}

/** At most version 3: from 5 on every end of a transaction raises the epoch, and (id, epoch) would not name it for ever. */
export const EndTxn: RequestType<TransactionRef & { commit: boolean }, { errorCode: number }> = {
  name: 'EndTxn',
  apiKey: 26,
  minVersion: 1,
  maxVersion: 3,
  firstFlexibleVersion: 3,
  encode(writer, input) {
    writer.string(input.transactionalId)
    writer.int64(input.producerId)
    writer.int16(input.producerEpoch)
    writer.boolean(input.commit)
    writer.tags()
  },
  decode(reader) {
    reader.int32() // throttle time
    const answer = { errorCode: reader.int16() }
    reader.tags()
    return answer
  },
}
