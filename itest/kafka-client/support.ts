/** What the tests of the Kafka client share: writing numbered records, reading all there is. */
import { createTopics, listOffsets } from '../../connectors/kafka/client/admin.ts'
import { KafkaClient } from '../../connectors/kafka/client/client.ts'
import { Fetcher } from '../../connectors/kafka/client/fetcher.ts'
import { ProducerIdentity } from '../../connectors/kafka/client/producer.ts'
import type { PartitionRange } from '../../connectors/kafka/client/producer-span.ts'
import { Sender } from '../../connectors/kafka/client/sender.ts'
import { initProducerId, type TransactionRef } from '../../connectors/kafka/client/transactions.ts'
import type { RecordSet } from '../../connectors/kafka/codec/record-batch-reader.ts'

export function connect(bootstrap: string): Promise<KafkaClient> {
  return KafkaClient.connect({ brokers: [bootstrap], requestTimeoutMs: 10_000 })
}

export async function createTopic(
  client: KafkaClient,
  name: string,
  partitions: number,
  configs: Readonly<Record<string, string>> = {},
): Promise<void> {
  await createTopics(client, [{ name, partitions, replicationFactor: 1, configs }])
  await client.topic(name, 10_000)
}

export function valuesOf(records: RecordSet): string[] {
  const values: string[] = []
  for (let index = 0; index < records.count; index++) {
    values.push(records.buffer.toString('utf8', records.valueStart[index], records.valueEnd[index]))
  }
  return values
}

export interface ReadRecord {
  readonly offset: number
  readonly value: string
}

/** Everything in a partition from an offset to its present end, as the isolation shows it. */
export async function readPartition(
  client: KafkaClient,
  topic: string,
  partition: number,
  isolation: 'read_committed' | 'read_uncommitted',
  from = 0,
): Promise<ReadRecord[]> {
  const [end] = await listOffsets(client, [{ topic, partition }], 'latest', { isolation })
  const fetcher = new Fetcher(client, { isolation, maxWaitMs: 100 })
  const read: ReadRecord[] = []
  try {
    fetcher.assign([{ topic, partition, offset: from }])
    while ((fetcher.position(topic, partition) ?? 0) < (end?.offset ?? 0)) {
      const batch = fetcher.poll()
      if (batch === undefined) await fetcher.whenAvailable()
      else if (batch.records !== null) {
        const { records } = batch
        for (const [index, value] of valuesOf(records).entries()) read.push({ offset: records.offsets[index] as number, value })
      }
    }
  } finally {
    fetcher.close()
  }
  return read
}

/** Until no transaction is open in the partition: EndTxn is answered before the markers are written. */
export async function allDecided(client: KafkaClient, topic: string, partition: number): Promise<void> {
  const endAs = async (isolation: 'read_committed' | 'read_uncommitted') =>
    (await listOffsets(client, [{ topic, partition }], 'latest', { isolation }))[0]?.offset
  while ((await endAs('read_committed')) !== (await endAs('read_uncommitted'))) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** An open transaction of one record a value, all of them acknowledged. */
export async function prepareTransaction(
  client: KafkaClient,
  transactionalId: string,
  values: ReadonlyArray<{ topic: string; partition: number; value: string }>,
  transactionTimeoutMs = 60_000,
): Promise<{ transaction: TransactionRef; ranges: readonly PartitionRange[] }> {
  const known = await initProducerId(client, transactionalId, { transactionTimeoutMs })
  const sender = new Sender(client)
  try {
    const span = sender.use(new ProducerIdentity(transactionalId, known))
    for (const { topic, partition, value } of values) sender.builder(topic, partition).appendText(Date.now(), null, value)
    sender.end()
    return { transaction: { transactionalId, ...known }, ranges: await span.flushed }
  } finally {
    sender.close()
  }
}
