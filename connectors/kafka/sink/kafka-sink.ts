/** The Kafka sink: `kafkaSink({ topic, key, value })`. */
import type { Config } from '../../../src/config/config.ts'
import type { ConnectorContext } from '../../../src/ports/connector-context.ts'
import type { OpenedSink, Sink } from '../../../src/ports/transactional-sink.ts'
import { KafkaSession } from '../kafka-session.ts'
import type { Serde } from '../serde/serde.ts'
import { KafkaSinkWriter } from './kafka-sink-writer.ts'

export interface KafkaSinkOptions<T> {
  /** Must exist: the sink creates no topics. */
  readonly topic: string
  /** How values are written. */
  readonly value: Serde<T>
  /**
   * The record key: text is written as UTF-8. Default: the key of the record that the value was made from. Records with
   * a key go to the partition that the Java client would choose (murmur2), records without one to partitions in turn.
   */
  readonly key?: (value: T) => string | Uint8Array | null
  /** The record's timestamp, ms since 1970. Default: that of the record that the value was made from. */
  readonly timestamp?: (value: T) => number
  /** Headers of the record. Default: none. */
  readonly headers?: (value: T) => Readonly<Record<string, string | Uint8Array>>
  /**
   * `exactly-once`: in the worker's transaction, visible to read_committed readers once the checkpoint is complete.
   * `at-least-once`: at once, flushed before a checkpoint is acknowledged. Default: the option `delivery`.
   */
  readonly delivery?: 'exactly-once' | 'at-least-once'
}

export function kafkaSink<T>(options: KafkaSinkOptions<T>): Sink<T> {
  return {
    description: `kafka topic ${options.topic}`,
    delivery: options.delivery ?? 'job-default',
    open: (context) => openKafkaSink(options, context),
  }
}

/** The mode bounds what a sink may ask for: with `at-least-once` nothing opens transactions. */
function deliveryOf(config: Config, wanted: KafkaSinkOptions<unknown>['delivery']): Config['delivery'] {
  return config.checkpointMode === 'at-least-once' ? 'at-least-once' : (wanted ?? config.delivery)
}

async function openKafkaSink<T>(options: KafkaSinkOptions<T>, context: ConnectorContext): Promise<OpenedSink<T>> {
  const session = KafkaSession.of(context)
  const client = await session.client()
  const { partitions } = await client.topic(options.topic)
  const delivery = deliveryOf(context.config, options.delivery)
  if (delivery === 'at-least-once') {
    return { writer: new KafkaSinkWriter(options, await session.plainOutput(), partitions.length) }
  }
  const participant = await session.transactions()
  return { writer: new KafkaSinkWriter(options, participant, partitions.length), participant }
}
