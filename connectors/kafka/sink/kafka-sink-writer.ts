/** Writes the records of one sink operator into the open batches of its partitions. The hot path of every output. */

import { binaryOfText } from '../../../src/common/bytes.ts'
import { MillraceError } from '../../../src/common/errors.ts'
import { murmur2Latin1, partitionForKey } from '../../../src/common/murmur2.ts'
import type { SinkWriter } from '../../../src/ports/transactional-sink.ts'
import type { PartitionAppender } from '../client/partition-appender.ts'
import type { Serializer } from '../serde/serde.ts'
import type { KafkaSinkOptions } from './kafka-sink-options.ts'
import type { KafkaOutput } from './plain-output.ts'

/** Records without a key stay on one partition for so many, as the Java client's sticky partitioner does (KIP-480). */
const KEYLESS_RUN = 500

export class KafkaSinkWriter<T> implements SinkWriter<T> {
  readonly usesRecordKey: boolean
  private readonly output: KafkaOutput
  private readonly appenders: readonly PartitionAppender[]
  private readonly serializer: Serializer<T>
  private readonly keyOf: ((value: T) => string | Uint8Array | null) | undefined
  private readonly timestampOf: ((value: T) => number) | undefined
  private readonly headersOf: KafkaSinkOptions<T>['headers']
  private keyless = 0

  constructor(options: KafkaSinkOptions<T>, output: KafkaOutput, partitions: number) {
    this.output = output
    this.appenders = Array.from({ length: partitions }, (_, partition) => output.sender.builder(options.topic, partition))
    this.serializer = options.value.serializer
    this.keyOf = options.key
    this.timestampOf = options.timestamp
    this.headersOf = options.headers
    this.usesRecordKey = options.key === undefined
  }

  write(value: T, timestampMs: number, recordKey: string | null): void {
    const key = this.keyOf === undefined ? recordKey : binaryKey(this.keyOf(value))
    const appender = this.appenderFor(key)
    const timestamp = this.timestampOf === undefined ? timestampMs : checkedTimestamp(this.timestampOf(value))
    const { serializer } = this
    if (serializer.kind === 'text' && this.headersOf === undefined) {
      appender.appendText(timestamp, key, serializer.serialize(value))
      return
    }
    const headers =
      this.headersOf === undefined
        ? undefined
        : Object.entries(this.headersOf(value)).map(([name, header]) => ({ key: name, value: header }))
    const bytes = serializer.kind === 'text' ? Buffer.from(serializer.serialize(value)) : serializer.serialize(value)
    appender.appendBytes(timestamp, key, bytes, headers)
  }

  backPressure(): Promise<void> | null {
    return this.output.sender.whenDrained()
  }

  flush(): Promise<void> {
    return this.output.flush()
  }

  async close(): Promise<void> {}

  private appenderFor(key: string | null): PartitionAppender {
    const { appenders } = this
    const partition =
      key === null
        ? Math.floor(this.keyless++ / KEYLESS_RUN) % appenders.length
        : partitionForKey(murmur2Latin1(key), appenders.length)
    return appenders[partition]!
  }
}

function checkedTimestamp(timestamp: number): number {
  if (Number.isSafeInteger(timestamp)) return timestamp
  throw new MillraceError('MR_SINK_TIMESTAMP_INVALID', `timestamp() of a Kafka sink gave ${timestamp}`)
}

/** A key as a binary string: text as the chars of its UTF-8 bytes. */
function binaryKey(key: string | Uint8Array | null): string | null {
  if (key === null) return null
  if (typeof key === 'string') return binaryOfText(key)
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
}
