/**
 * What a record costs on its way through a worker, without a broker: `node bench/pipeline.ts [records] [keys]`. Fetched
 * batches in, sealed batches out: decoding, JSON, state, operators, JSON, encoding, of the W1 job. Checkpoints, RocksDB
 * and sockets are left out. CPU nanoseconds a record, garbage collection included; with --cpu-prof, where they went.
 */
import { PartitionAppender } from '../connectors/kafka/client/partition-appender.ts'
import { ProducerIdentity } from '../connectors/kafka/client/producer.ts'
import { ProducerSpan } from '../connectors/kafka/client/producer-span.ts'
import { RecordBatchBuilder, stampBatch } from '../connectors/kafka/codec/record-batch-builder.ts'
import { decodeRecords, readBatchHeader } from '../connectors/kafka/codec/record-batch-reader.ts'
import { json } from '../connectors/kafka/serde/serdes.ts'
import { KafkaSinkWriter } from '../connectors/kafka/sink/kafka-sink-writer.ts'
import { kafkaSource } from '../connectors/kafka/source/kafka-source.ts'
import { KafkaSourceReader } from '../connectors/kafka/source/kafka-source-reader.ts'
import { count, sum } from '../src/api/aggregates.ts'
import { defineJob } from '../src/api/define-job.ts'
import { systemClock } from '../src/common/clock.ts'
import { murmur2Latin1, partitionForKey } from '../src/common/murmur2.ts'
import { planStages } from '../src/graph/stages.ts'
import { registerStates } from '../src/runtime/tasks/state-registry.ts'
import { TaskChain } from '../src/runtime/tasks/task-chain.ts'
import { createMemoryBackend } from '../src/state/backends.ts'
import { WorkerState } from '../src/state/worker-state.ts'
import { TaskWatermark } from '../src/time/task-watermark.ts'
import { Workload } from './own/workload.ts'
import { median } from './report.ts'

const ROUNDS = 12
const PARTITIONS = 4
const BATCH_RECORDS = 2048
/** The size of a batch that the Java client fills, 64 KiB, in records of W1. */
const FETCHED_RECORDS = 800

interface Event {
  readonly amount: number
}

interface Row {
  readonly word: string
  readonly count: number
  readonly sum: number
}

const records = Number(process.argv[2] ?? 200_000)
const keys = Number(process.argv[3] ?? 10_000)
const input = fetchedBatches()
// One for all rounds, as one job has it: readers learn, and V8 compiles what they learned.
const eventSerde = json<Event>()
const rounds: number[] = []
for (let round = 0; round < ROUNDS; round++) {
  rounds.push(runRound())
  await new Promise((resolve) => setTimeout(resolve, 10))
}
// The first rounds are the JIT's.
const warm = rounds.slice(3).sort((left, right) => left - right)
console.log(`${records} records, ${keys} keys: ${Math.round(median(warm)!)} ns CPU a record, the best ${Math.round(warm[0]!)}`)

/** As they come from the broker, keyed and partitioned by word. */
function fetchedBatches(): { partition: number; buffer: Buffer }[] {
  const workload = new Workload(keys)
  const builders = Array.from({ length: PARTITIONS }, () => new RecordBatchBuilder())
  const batches: { partition: number; buffer: Buffer }[] = []
  const seal = (partition: number) => {
    const batch = builders[partition]!.seal('none')
    stampBatch(batch, { producerId: 1, producerEpoch: 0, baseSequence: 0, isTransactional: false })
    batches.push({ partition, buffer: batch.buffer })
  }
  for (let record = 0; record < records; record++) {
    const key = `w${workload.wordOf(record)}`
    const partition = partitionForKey(murmur2Latin1(key), PARTITIONS)
    builders[partition]!.appendText(1_700_000_000_000 + record, key, workload.valueOf(record))
    if (builders[partition]!.count === FETCHED_RECORDS) seal(partition)
  }
  for (const [partition, { count: left }] of builders.entries()) if (left > 0) seal(partition)
  return batches
}

function runRound(): number {
  let written = 0
  const span = new ProducerSpan(new ProducerIdentity(null, { producerId: 1, producerEpoch: 0 }))
  const appenders = Array.from(
    { length: PARTITIONS },
    (_, partition) =>
      new PartitionAppender(
        {
          compression: 'none',
          clock: systemClock,
          currentSpan: () => span,
          onOpened() {},
          onSealed: (appender) => {
            const { oldest } = appender.queue
            if (oldest !== undefined)
              stampBatch(oldest.sealed, { producerId: 1, producerEpoch: 0, baseSequence: 0, isTransactional: true })
            written++
          },
        },
        'updates',
        partition,
        256 * 1024,
      ),
  )
  let next = 0
  const fetcher = {
    poll() {
      const fetched = input[next++]
      if (fetched === undefined) return undefined
      const header = readBatchHeader(fetched.buffer, 0)!
      const decoded = decodeRecords(fetched.buffer, header)
      return {
        ...fetched,
        topic: 'events',
        header,
        records: decoded,
        nextOffset: decoded.count,
        highWatermark: 0,
        lastStableOffset: 0,
      }
    },
  }
  const job = defineJob('pipeline', (builder) => {
    builder
      .source('events', kafkaSource({ topic: 'events', value: eventSerde }))
      .keyByRecordKey()
      .aggregate('totals', { count: count(), sum: sum((event: Event) => event.amount) })
      .map((row): Row => ({ word: row.key, count: row.count, sum: row.sum }))
      .sink('updates', { description: 'none', delivery: 'at-least-once', open: () => Promise.reject(new Error('not opened')) })
  })
  const state = new WorkerState(createMemoryBackend(), systemClock, 64 * 2 ** 20)
  const registry = registerStates(job.graph, null)
  const stage = planStages(job.graph)[0]!
  const output = { sender: { builder: (_: string, partition: number) => appenders[partition]! } }
  const writers = new Map([
    ['updates', new KafkaSinkWriter({ topic: 'updates', value: json<Row>() }, output as never, PARTITIONS)],
  ])
  const chains = appenders.map(
    (_, partition) =>
      new TaskChain({
        stage,
        state: state.openTask(`events/${partition}` as never),
        registry,
        writers: writers as never,
        outputs: new Map(),
        watermark: new TaskWatermark(),
        isStateEmpty: true,
      }),
  )
  const context = { metrics: { counter: () => ({ add() {} }) } }
  const source = { topic: 'events', value: eventSerde }
  const reader = new KafkaSourceReader(
    source,
    context as never,
    { topicId: () => undefined } as never,
    fetcher as never,
    undefined,
    '',
  )
  const before = process.cpuUsage()
  for (let batch = reader.poll(BATCH_RECORDS); batch !== undefined; batch = reader.poll(BATCH_RECORDS)) {
    chains[batch.partition]!.process(batch, 0)
  }
  for (const appender of appenders) appender.seal()
  const { user, system } = process.cpuUsage(before)
  if (written === 0) throw new Error('nothing was written')
  state.close()
  return ((user + system) * 1000) / records
}
