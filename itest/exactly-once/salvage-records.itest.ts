/** What is salvaged is what was lost, record by record, on a real broker and as the Java client sees it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { KafkaClient } from '../../connectors/kafka/client/client.ts'
import { ProducerIdentity } from '../../connectors/kafka/client/producer.ts'
import { Sender } from '../../connectors/kafka/client/sender.ts'
import { endTxn, initProducerId } from '../../connectors/kafka/client/transactions.ts'
import type { KafkaCommittable } from '../../connectors/kafka/sink/kafka-committable.ts'
import { committableOf, salvagePart } from '../../connectors/kafka/sink/salvage.ts'
import { appendRecords } from '../faults/append-records.ts'
import { connect, createTopic } from '../kafka-client/support.ts'
import { type CommittedRecord, readCommitted } from '../support/read-committed.ts'
import { type KafkaServer, startKafka } from '../support/servers.ts'

let kafka: KafkaServer
let client: KafkaClient
before(async () => {
  kafka = await startKafka()
  client = await connect(kafka.bootstrap)
})
after(async () => {
  client?.close()
  await kafka?.close()
})

interface Sample {
  readonly partition: number
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: { key: string; value: Buffer | null }[]
}

/** Every kind of key, value and header that there is. */
function samples(count: number): Sample[] {
  const empty = Buffer.alloc(0)
  const keys = [null, empty, Buffer.from('key'), Buffer.from([0, 255, 128, 10])]
  const headers = [
    [],
    [{ key: 'a', value: null }],
    [
      { key: 'ä', value: Buffer.from('1') },
      { key: 'ä', value: empty },
    ],
  ]
  return Array.from({ length: count }, (_, i) => ({
    partition: i % 2,
    timestamp: 1_500_000_000_000 + (i % 7) * 1_000,
    key: keys[i % 4] as Buffer | null,
    value: i % 5 === 0 ? null : Buffer.from(`value ${i}`),
    headers: headers[i % 3] as Sample['headers'],
  }))
}

async function fresh(transactionalId: string): Promise<ProducerIdentity> {
  return new ProducerIdentity(transactionalId, await initProducerId(client, transactionalId))
}

/** A transaction in several batches, others between them, aborted; and one more of the same producer id behind it. */
async function lostTransaction(
  topic: string,
  records: readonly Sample[],
  compression: 'none' | 'zstd',
): Promise<KafkaCommittable> {
  const sender = new Sender(client, { compression, maxBatchBytes: 2_000 })
  const identity = await fresh('lost')
  const span = sender.use(identity)
  for (const [i, { partition, timestamp, key, value, headers }] of records.entries()) {
    sender.builder(topic, partition).appendBytes(timestamp, key, value, headers)
    if (i % 100 === 99) await appendRecords(client, topic, i % 2, [{ key: 'other', value: 'other' }])
  }
  sender.end()
  const committable = committableOf(identity, await span.flushed)
  await endTxn(client, committable, 'abort')
  const next = sender.use(await fresh('lost'))
  sender.builder(topic, 0).appendText(0, null, 'later')
  sender.end()
  await next.flushed
  sender.close()
  return committable
}

for (const compression of ['none', 'zstd'] as const) {
  test(`keys, values, headers, timestamps and order are kept, in parts (${compression})`, async () => {
    const topic = `faithful-${compression}`
    await createTopic(client, topic, 2)
    const records = samples(1_000)
    const lost = await lostTransaction(topic, records, compression)
    assert.deepEqual(
      lost.ranges.map((range) => range.recordCount),
      [500, 500],
    )

    const sender = new Sender(client)
    let parts = 0
    for (let left: KafkaCommittable | null = lost; left !== null; parts++) {
      const { done, rest } = await salvagePart({ client, sender, identity: () => fresh('salvage'), partBytes: 5_000 }, left)
      assert.equal((await endTxn(client, done as KafkaCommittable, 'commit')).kind, 'committed')
      left = rest as KafkaCommittable | null
    }
    sender.close()
    assert.ok(parts > 3, `${parts} parts`)
    // Aborts the later one, which readers would wait for.
    await fresh('lost')

    const seen = (await readCommitted(kafka, topic)).filter(({ key }) => String(key) !== 'other')
    for (const partition of [0, 1]) {
      const expected = records.filter((record) => record.partition === partition)
      const actual = seen.filter((record) => record.partition === partition)
      assert.deepEqual(actual.map(asSample), expected)
    }
  })
}

function asSample({ partition, timestamp, key, value, headers }: CommittedRecord): Sample {
  return { partition, timestamp, key, value, headers: headers.map(({ name, value }) => ({ key: name, value })) }
}
