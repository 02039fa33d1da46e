/** The Kafka sink: `kafkaSink({ topic, key, value })`. */
import type { Config } from '../../../src/config/config.ts'
import type { ConnectorContext } from '../../../src/ports/connector-context.ts'
import type { OpenedSink, Sink } from '../../../src/ports/transactional-sink.ts'
import { KafkaSession } from '../kafka-session.ts'
import { warnOfCompaction } from './compaction-warning.ts'
import type { KafkaSinkOptions } from './kafka-sink-options.ts'
import { KafkaSinkWriter } from './kafka-sink-writer.ts'
import { maxBatchBytes } from './max-batch-bytes.ts'
import type { KafkaOutput } from './plain-output.ts'

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
  if (delivery === 'exactly-once') await warnOfCompaction(client, options.topic)
  const participant = delivery === 'exactly-once' ? await session.transactions() : undefined
  const output: KafkaOutput = participant ?? (await session.plainOutput())
  const writer = new KafkaSinkWriter(options, output, partitions.length)
  output.sender.limitBatchBytes(options.topic, await maxBatchBytes(client, options.topic))
  return participant === undefined ? { writer } : { writer, participant }
}
