/** Malformed records on their way to a dead-letter topic, in the same transaction as the job's output. */
import { toError } from '../../../src/common/errors.ts'
import type { ConnectorContext } from '../../../src/ports/connector-context.ts'
import type { OpenedSink, SinkWriter } from '../../../src/ports/transactional-sink.ts'
import { decodeRecordHeaders } from '../codec/record-batch-reader.ts'
import type { RecordSet } from '../codec/record-set.ts'
import { KafkaSession } from '../kafka-session.ts'
import type { KafkaOutput } from '../sink/plain-output.ts'

export interface DeadLetters {
  /** Record `index` of a batch of `topic`, with its own key, value, timestamp and headers, and headers that say why. */
  add(topic: string, partition: number, records: RecordSet, index: number, error: unknown): void
}

export async function openDeadLetters(
  deadLetterTopic: string,
  context: ConnectorContext,
): Promise<{ deadLetters: DeadLetters; sink: OpenedSink<unknown> }> {
  const session = KafkaSession.of(context)
  const client = await session.client()
  const { partitions } = await client.topic(deadLetterTopic)
  const participant = context.config.delivery === 'exactly-once' ? await session.transactions() : undefined
  const output: KafkaOutput = participant ?? (await session.plainOutput())
  const deadLetters: DeadLetters = {
    add(topic, partition, records, index, error) {
      const { buffer, keyStart, keyEnd, valueStart, valueEnd, offsets, timestamps } = records
      const key = keyStart[index]! < 0 ? null : buffer.subarray(keyStart[index]!, keyEnd[index]!)
      const value = valueStart[index]! < 0 ? null : buffer.subarray(valueStart[index]!, valueEnd[index]!)
      const { message } = toError(error)
      output.sender
        .builder(deadLetterTopic, partition % partitions.length)
        .appendBytes(timestamps[index]!, key, value, [
          ...decodeRecordHeaders(records, index),
          { key: 'millrace.error', value: message },
          { key: 'millrace.topic', value: topic },
          { key: 'millrace.partition', value: String(partition) },
          { key: 'millrace.offset', value: String(offsets[index]!) },
        ])
    },
  }
  const writer: SinkWriter<unknown> = {
    usesRecordKey: false,
    write() {},
    backPressure: () => output.sender.whenDrained(),
    flush: () => output.flush(),
    async close() {},
  }
  return { deadLetters, sink: participant === undefined ? { writer } : { writer, participant } }
}
