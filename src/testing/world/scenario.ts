/** Input for the simulated job, and what its output must be. */

import { AbortedFilter } from '../../../connectors/kafka/client/aborted-filter.ts'
import { RecordBatchBuilder, stampBatch } from '../../../connectors/kafka/codec/record-batch-builder.ts'
import { decodeRecords } from '../../../connectors/kafka/codec/record-batch-reader.ts'
import type { KafkaModel } from '../../../connectors/kafka/testing/kafka-model.ts'
import type { ModelPartition } from '../../../connectors/kafka/testing/model-partition.ts'
import { assert } from '../../common/assert.ts'
import type { SeededRandom } from '../simulator/seeded-random.ts'
import { wallTimeMs } from '../simulator/simulated-clock.ts'
import { type Counted, INPUT, OUTPUT, type Transfer } from './transfer-job.ts'
import type { World } from './world.ts'

export interface ScenarioOptions {
  readonly records: number
  readonly partitions: number
  readonly keys: number
  /** Simulated ms between two records, on average. */
  readonly intervalMs: number
}

/** Makes the topics and writes the input over time: straight into the log, so that nothing disturbs it. */
export class Scenario {
  readonly written: Transfer[] = []
  isWritten = false
  /** By key and partition: the indices of its records, in their order. */
  readonly indicesOf = new Map<string, number[][]>()
  /** How often the job went back, by hand or to a savepoint: what it had put out behind that comes again. */
  rewinds = 0
  /** What was written to the input topic before is gone, and another topic has its name. */
  isReplaced = false
  private readonly world: World
  private readonly options: ScenarioOptions
  private readonly random: SeededRandom
  /** By partition: the next record's. Grows with the topic. */
  private readonly indices: number[]

  constructor(world: World, options: ScenarioOptions) {
    this.world = world
    this.options = options
    this.random = world.simulation.random.fork()
    this.indices = Array.from({ length: options.partitions }, () => 0)
    for (const name of [INPUT, OUTPUT]) {
      const code = world.kafka.topics.create({ name, partitions: options.partitions, replicationFactor: 1 }, () => 0)
      assert(code === 0, 'the topics of the scenario are new')
    }
    this.writeNext()
  }

  /** From now on there is one more partition, and records in it. */
  addPartition(): void {
    const count = this.indices.length + 1
    if (this.world.kafka.topics.addPartitions(INPUT, count) === 0) this.indices.push(0)
  }

  /** The topic is deleted, and some time later there is another one of its name, with records that nobody asked for. */
  replaceTopic(awayMs: number): void {
    const { simulation, kafka } = this.world
    this.isReplaced = true
    kafka.topics.delete(INPUT)
    simulation.after(null, awayMs, 'another input topic', () => {
      kafka.topics.create({ name: INPUT, partitions: this.indices.length, replicationFactor: 1 }, () => 0)
      for (let partition = 0; partition < this.indices.length; partition++) {
        for (let index = 0; index < REPLACED_RECORDS; index++) this.append(partition, { key: 'replaced', partition, index })
      }
    })
  }

  private append(partition: number, transfer: Transfer): void {
    const { kafka, simulation } = this.world
    builder.appendText(wallTimeMs(simulation.nowMs), null, JSON.stringify(transfer))
    const sealed = builder.seal('none')
    stampBatch(sealed, { producerId: -1, producerEpoch: -1, baseSequence: -1, isTransactional: false })
    kafka.partition(INPUT, partition)?.append(sealed.buffer, Number.MAX_SAFE_INTEGER)
  }

  private writeNext(): void {
    const { world, random, options } = this
    world.simulation.after(null, random.between(0, 2 * options.intervalMs), 'input', () => {
      if (this.isReplaced) return
      const partition = random.below(this.indices.length)
      const transfer = { key: `k${random.below(options.keys)}`, partition, index: this.indices[partition]!++ }
      this.written.push(transfer)
      const ofKey = this.indicesOf.get(transfer.key) ?? []
      this.indicesOf.set(transfer.key, ofKey)
      ;(ofKey[partition] ??= []).push(transfer.index)
      this.append(partition, transfer)
      if (this.written.length < options.records) this.writeNext()
      else this.isWritten = true
    })
  }
}

/** More than the partitions of the topic before had, so that no position is out of range. */
const REPLACED_RECORDS = 400
const builder = new RecordBatchBuilder(1_024)

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
  for (const [key, rows] of committedOutput(kafka)) {
    const standing: Counted[] = []
    let stepsBack = 0
    for (const [i, row] of rows.entries()) {
      const { count } = row
      if (count <= standing.length && stepsBack++ < scenario.rewinds) standing.length = count - 1
      if (count !== standing.length + 1) return `output ${i + 1} of ${key} has the number ${count}: ${numbers(rows, i)}`
      standing.push(row)
    }
    const wrong = wrongOrder(key, standing, scenario.indicesOf.get(key) ?? [])
    if (wrong !== undefined) return wrong
  }
  return undefined
}

/** Of each partition the records of a key must come in their order, none left out. */
function wrongOrder(key: string, rows: readonly Counted[], indices: readonly (readonly number[])[]): string | undefined {
  const next = indices.map(() => 0)
  for (const { partition, index } of rows) {
    const wanted = indices[partition]?.[next[partition]!++]
    if (index !== wanted) return `${key}: record ${partition}/${index} comes where ${partition}/${wanted} must`
  }
  return undefined
}

/** Whether all of the input has become committed output, and stands after the last rewind. */
export function isComplete(scenario: Scenario, kafka: KafkaModel): boolean {
  if (!scenario.isWritten) return false
  let records = 0
  for (const rows of committedOutput(kafka).values()) records += rows.at(-1)?.count ?? 0
  return records >= scenario.written.length
}

function numbers(rows: readonly Counted[], around: number): string {
  return rows
    .slice(Math.max(0, around - 3), around + 4)
    .map(({ count }) => count)
    .join(' ')
}
