/** Writes records as they are: what no release that is at hand writes, and what no serde reads. */
import type { KafkaClient } from '../../connectors/kafka/client/client.ts'
import { ProducerIdentity } from '../../connectors/kafka/client/producer.ts'
import { Sender } from '../../connectors/kafka/client/sender.ts'
import { initProducerId } from '../../connectors/kafka/client/transactions.ts'

export interface RawRecord {
  readonly key: string | null
  readonly value: string | null
  readonly headers?: readonly { readonly key: string; readonly value: string }[]
}

/** The offset of the first; the others follow it. */
export async function appendRecords(
  client: KafkaClient,
  topic: string,
  partition: number,
  records: readonly RawRecord[],
): Promise<number> {
  const sender = new Sender(client)
  try {
    const span = sender.use(new ProducerIdentity(null, await initProducerId(client, null)))
    const appender = sender.builder(topic, partition)
    for (const { key, value, headers } of records) appender.appendBytes(Date.now(), bytes(key), bytes(value), headers)
    sender.end()
    const [range] = await span.flushed
    if (range === undefined) throw new Error(`nothing was written to ${topic}/${partition}`)
    return range.firstOffset
  } finally {
    sender.close()
  }
}

function bytes(text: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text)
}
