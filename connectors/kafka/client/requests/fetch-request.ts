import type { RequestType } from '../request-type.ts'
import type { TopicPartition } from './offset-requests.ts'

export interface FetchTarget extends TopicPartition {
  readonly offset: number
  readonly maxBytes: number
}

export interface FetchInput {
  readonly readCommitted: boolean
  readonly maxWaitMs: number
  readonly minBytes: number
  /** Of the whole answer; its first batch comes whole even if it is larger (KIP-74). */
  readonly maxBytes: number
  readonly targets: readonly FetchTarget[]
}

export interface AbortedTransaction {
  readonly producerId: number
  /** Of its first record in the partition. */
  readonly firstOffset: number
}

export interface FetchedPartition extends TopicPartition {
  readonly errorCode: number
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
  readonly abortedTransactions: readonly AbortedTransaction[]
  /** Record batches one behind the other, the last one perhaps cut off. A slice of the answer. */
  readonly records: Buffer
}

export interface FetchAnswer {
  readonly errorCode: number
  readonly partitions: readonly FetchedPartition[]
}

/** At most version 11: names topics by name in every release from 2.1 on; no fetch sessions. */
export const Fetch: RequestType<FetchInput, FetchAnswer> = {
  name: 'Fetch',
  apiKey: 1,
  minVersion: 4,
  maxVersion: 11,
  firstFlexibleVersion: 12,
  encode(writer, input, version) {
    writer.int32(-1) // replica id
    writer.int32(input.maxWaitMs)
    writer.int32(input.minBytes)
    writer.int32(input.maxBytes)
    writer.int8(input.readCommitted ? 1 : 0)
    if (version >= 7) {
      writer.int32(0) // session id
      writer.int32(-1) // session epoch: none
    }
    writer.array([...Map.groupBy(input.targets, (target) => target.topic)], ([topic, targets]) => {
      writer.string(topic)
      writer.array(targets, (target) => {
        writer.int32(target.partition)
        if (version >= 9) writer.int32(-1) // current leader epoch
        writer.int64(target.offset)
        if (version >= 5) writer.int64(-1) // log start offset, of followers
        writer.int32(target.maxBytes)
      })
    })
    if (version >= 7) writer.arrayLength(0) // forgotten topics of a session
    if (version >= 11) writer.string('') // rack
  },
  decode(reader, version) {
    reader.int32() // throttle time
    let errorCode = 0
    if (version >= 7) {
      errorCode = reader.int16()
      reader.int32() // session id
    }
    const partitions = reader
      .array(() => {
        const topic = reader.string()
        return reader.array((): FetchedPartition => {
          const partition = reader.int32()
          const errorCode = reader.int16()
          const highWatermark = reader.int64()
          const lastStableOffset = reader.int64()
          const logStartOffset = version >= 5 ? reader.int64() : -1
          const abortedTransactions = reader.array(() => ({ producerId: reader.int64(), firstOffset: reader.int64() }))
          if (version >= 11) reader.int32() // preferred read replica: there is none without a rack
          const records = reader.bytes()
          return {
            topic,
            partition,
            errorCode,
            highWatermark,
            lastStableOffset,
            logStartOffset,
            abortedTransactions,
            records,
          }
        })
      })
      .flat()
    return { errorCode, partitions }
  },
}
