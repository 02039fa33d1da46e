/** Input for the simulated job, and what its output must be. */

import { AbortedFilter } from '../../../connectors/kafka/client/aborted-filter.ts'
import { createTopics } from '../../../connectors/kafka/client/admin.ts'
import { ProducerIdentity } from '../../../connectors/kafka/client/producer.ts'
import { Sender } from '../../../connectors/kafka/client/sender.ts'
import { initProducerId } from '../../../connectors/kafka/client/transactions.ts'
import { decodeRecords } from '../../../connectors/kafka/codec/record-batch-reader.ts'
import type { KafkaModel } from '../../../connectors/kafka/testing/kafka-model.ts'
import type { ModelPartition } from '../../../connectors/kafka/testing/model-partition.ts'
import { SimulatedProcess } from '../simulator/simulated-process.ts'
import { type Counted, INPUT, OUTPUT, type Transfer } from './transfer-job.ts'
import type { World } from './world.ts'

export interface ScenarioOptions {
  readonly records: number
  readonly partitions: number
  readonly keys: number
  /** Simulated ms between two records, on average. */
  readonly intervalMs: number
}

/** Writes the input over time, from a process of its own that nothing disturbs. */
export class Scenario {
  readonly written: Transfer[] = []
  isWritten = false
  private readonly world: World
  private readonly options: ScenarioOptions

  constructor(world: World, options: ScenarioOptions) {
    this.world = world
    this.options = options
  }

  /** Makes the topics; then workers may start. Resolves within the simulation. */
  async prepare(): Promise<void> {
    const { network, simulation } = this.world
    const { partitions } = this.options
    const process = new SimulatedProcess(simulation, 'input')
    const client = await network.client(process)
    await createTopics(client, [
      { name: INPUT, partitions, replicationFactor: 1 },
      { name: OUTPUT, partitions, replicationFactor: 1 },
    ])
    await client.topic(OUTPUT, 60_000)
    void this.write(process, client)
  }

  private async write(process: SimulatedProcess, client: Awaited<ReturnType<World['network']['client']>>): Promise<void> {
    const { records, partitions, keys, intervalMs } = this.options
    const sender = new Sender(client, { deliveryTimeoutMs: 3_600_000 })
    const identity = new ProducerIdentity(null, await initProducerId(client, null, { timeoutMs: 3_600_000 }))
    const span = sender.use(identity)
    const indices = Array.from({ length: partitions }, () => 0)
    for (let n = 0; n < records; n++) {
      const partition = process.random.below(partitions)
      const transfer = { key: `k${process.random.below(keys)}`, partition, index: indices[partition]!++ }
      this.written.push(transfer)
      sender.builder(INPUT, partition).appendText(process.clock.nowMs(), null, JSON.stringify(transfer))
      await process.clock.sleep(process.random.between(0, 2 * intervalMs))
    }
    sender.end()
    await span.flushed
    this.isWritten = true
    sender.close()
  }
}

/** The committed output by key, in the order of the log. */
export function committedOutput(kafka: KafkaModel): Map<string, Counted[]> {
  const byKey = new Map<string, Counted[]>()
  for (const partition of kafka.topics.get(OUTPUT)?.partitions ?? []) {
    for (const row of committedIn(partition)) {
      const rows = byKey.get(row.key) ?? []
      byKey.set(row.key, rows)
      rows.push(row)
    }
  }
  return byKey
}

function committedIn(partition: ModelPartition): Counted[] {
  const { abortedTransactions } = partition.read(0, Number.MAX_SAFE_INTEGER, true, true)
  const filter = new AbortedFilter(abortedTransactions)
  const rows: Counted[] = []
  for (const { bytes, header } of partition.log) {
    if (header.baseOffset >= partition.lastStableOffset) break
    if (header.isControl) {
      filter.onMarker(header.producerId, 'abort', header.lastOffset)
      continue
    }
    if (filter.isAborted(header.producerId, header.isTransactional, header.lastOffset)) continue
    const { buffer, count, valueStart, valueEnd } = decodeRecords(bytes, header)
    for (let i = 0; i < count; i++) rows.push(JSON.parse(buffer.toString('utf8', valueStart[i], valueEnd[i])))
  }
  return rows
}

/** What is wrong with the committed output so far; undefined: nothing. */
export function violation(scenario: Scenario, kafka: KafkaModel): string | undefined {
  const wanted = new Map<string, number>()
  for (const { key } of scenario.written) wanted.set(key, (wanted.get(key) ?? 0) + 1)
  for (const [key, rows] of committedOutput(kafka)) {
    for (const [i, { count }] of rows.entries()) {
      if (count !== i + 1) return `output ${i + 1} of ${key} has the number ${count}: ${numbers(rows, i)}`
    }
    if (rows.length > (wanted.get(key) ?? 0)) return `${key} has ${rows.length} outputs of ${wanted.get(key) ?? 0} records`
    const seen = new Map<number, number>()
    for (const { partition, index } of rows) {
      if (index <= (seen.get(partition) ?? -1))
        return `${key}: record ${partition}/${index} comes behind ${seen.get(partition)}`
      seen.set(partition, index)
    }
  }
  return undefined
}

/** Whether all of the input has become committed output. */
export function isComplete(scenario: Scenario, kafka: KafkaModel): boolean {
  if (!scenario.isWritten) return false
  let rows = 0
  for (const own of committedOutput(kafka).values()) rows += own.length
  return rows >= scenario.written.length
}

function numbers(rows: readonly Counted[], around: number): string {
  return rows
    .slice(Math.max(0, around - 3), around + 4)
    .map(({ count }) => count)
    .join(' ')
}
