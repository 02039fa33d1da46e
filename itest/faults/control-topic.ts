/** Writes into a control topic what no release that is at hand writes. */
import { ProducerIdentity } from '../../connectors/kafka/client/producer.ts'
import { Sender } from '../../connectors/kafka/client/sender.ts'
import { initProducerId } from '../../connectors/kafka/client/transactions.ts'
import type { Scene } from './scene.ts'

export async function appendToControlLog({ client, name }: Scene, records: readonly object[]): Promise<void> {
  const sender = new Sender(client)
  try {
    const span = sender.use(new ProducerIdentity(null, await initProducerId(client, null)))
    const appender = sender.builder(`${name}.control`, 0)
    for (const record of records) appender.appendText(Date.now(), null, JSON.stringify(record))
    sender.end()
    await span.flushed
  } finally {
    sender.close()
  }
}
