/**
 * What producing and fetching cost on one thread, against a real broker beside it on the same machine:
 * `node bench/micro/kafka-client.ts [--records 2000000] [--partitions 4] [--compression none]`.
 * `KAFKA_BROKERS` names a broker to use; without it one is started and removed again. Records of 100 bytes: keys of up
 * to 5, values of 90. Each line is one round; the first ones warm the compiler up.
 */
import { parseArgs } from 'node:util'
import { createTopics, deleteTopics } from '../../connectors/kafka/client/admin.ts'
import { KafkaClient } from '../../connectors/kafka/client/client.ts'
import { Fetcher } from '../../connectors/kafka/client/fetcher.ts'
import { ProducerIdentity } from '../../connectors/kafka/client/producer.ts'
import { Sender } from '../../connectors/kafka/client/sender.ts'
import { endTxn, initProducerId } from '../../connectors/kafka/client/transactions.ts'
import type { Compression } from '../../connectors/kafka/codec/compression.ts'
import { startKafka } from '../../itest/support/servers.ts'

const { values: flags } = parseArgs({
  options: {
    records: { type: 'string', default: '2000000' },
    partitions: { type: 'string', default: '4' },
    compression: { type: 'string', default: 'none' },
  },
})
const records = Number(flags.records)
const partitions = Number(flags.partitions)
const TOPIC = 'micro-kafka-client'
const VALUE = 'x'.repeat(90)
/** As a worker's loop: so many records, then a turn of the event loop. */
const RECORDS_A_TURN = 5_000

const server = process.env.KAFKA_BROKERS ? undefined : await startKafka({ fast: false, heapMb: 1024 })
const client = await KafkaClient.connect({ brokers: (process.env.KAFKA_BROKERS ?? server?.bootstrap ?? '').split(',') })
try {
  for (let round = 1; round <= 3; round++) {
    await deleteTopics(client, [TOPIC])
    await createTopic()
    await measure(`produce, idempotent      ${round}`, () => produce(null))
    await measure(`fetch, read_uncommitted  ${round}`, () => fetch('read_uncommitted'))
    await measure(`produce, transactional   ${round}`, () => produce('micro-tx'))
    await measure(`fetch, read_committed    ${round}`, () => fetch('read_committed'))
  }
} finally {
  await deleteTopics(client, [TOPIC])
  client.close()
  await server?.close()
}

async function createTopic(): Promise<void> {
  // A topic of the same name may still be on its way out.
  while ((await client.existingTopics([TOPIC])).size > 0) await new Promise((resolve) => setTimeout(resolve, 100))
  await createTopics(client, [{ name: TOPIC, partitions, replicationFactor: 1 }])
  await client.topic(TOPIC, 10_000)
}

async function produce(transactionalId: string | null): Promise<number> {
  const known = await initProducerId(client, transactionalId)
  const sender = new Sender(client, { compression: flags.compression as Compression })
  const span = sender.use(new ProducerIdentity(transactionalId, known))
  const appenders = Array.from({ length: partitions }, (_, partition) => sender.builder(TOPIC, partition))
  for (let index = 0; index < records; ) {
    const end = Math.min(records, index + RECORDS_A_TURN)
    const now = Date.now()
    for (; index < end; index++) appenders[index % partitions]?.appendText(now, String(index % 10_000), VALUE)
    await (sender.whenDrained() ?? new Promise((resolve) => setImmediate(resolve)))
  }
  sender.end()
  await span.flushed
  sender.close()
  if (transactionalId !== null) await endTxn(client, { transactionalId, ...known }, 'commit')
  return records
}

/** Reads everything written so far in this round, and touches each record. */
async function fetch(isolation: 'read_committed' | 'read_uncommitted'): Promise<number> {
  const expected = isolation === 'read_committed' ? 2 * records : records
  const fetcher = new Fetcher(client, { isolation })
  fetcher.assign(Array.from({ length: partitions }, (_, partition) => ({ topic: TOPIC, partition, offset: 0 })))
  let read = 0
  let bytes = 0
  for (let polls = 0; read < expected; polls++) {
    const batch = fetcher.poll()
    if (batch === undefined) await fetcher.whenAvailable()
    else if (batch.records !== null) {
      const { count, valueStart, valueEnd } = batch.records
      for (let index = 0; index < count; index++) bytes += (valueEnd[index] as number) - (valueStart[index] as number)
      read += count
    }
    if (polls % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  fetcher.close()
  if (bytes !== expected * VALUE.length) throw new Error(`${bytes} bytes of values read, ${expected * VALUE.length} written`)
  return read
}

async function measure(name: string, run: () => Promise<number>): Promise<void> {
  const cpu = process.cpuUsage()
  const startedMs = performance.now()
  const count = await run()
  const ms = performance.now() - startedMs
  const { user, system } = process.cpuUsage(cpu)
  const rate = Math.round(count / ms).toLocaleString('en')
  const perRecord = ((user + system) / count).toFixed(2)
  const rssMb = Math.round(process.memoryUsage.rss() / 2 ** 20)
  console.log(`${name}: ${rate.padStart(6)} thousand records/s, ${perRecord} µs of CPU a record, ${rssMb} MB resident`)
}
