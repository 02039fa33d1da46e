/** The Kafka sink: `kafkaSink({ topic, key, value })`. */
import type { Config } from '../../../src/config/config.ts'
import type { ConnectorContext } from '../../../src/ports/connector-context.ts'
import type { OpenedSink, Sink } from '../../../src/ports/transactional-sink.ts'
import { KafkaSession } from '../kafka-session.ts'
import type { KafkaSinkOptions } from './kafka-sink-options.ts'
import { KafkaSinkWriter } from './kafka-sink-writer.ts'

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
