/** Requests about partitions' logs: Produce, Fetch, ListOffsets, DeleteRecords. */
import type { Simulation } from '../../../src/testing/simulator/simulation.ts'
import { KafkaCode } from '../client/kafka-errors.ts'
import {
  Fetch,
  type FetchAnswer,
  type FetchedPartition,
  type FetchInput,
  type FetchTarget,
} from '../client/requests/fetch-request.ts'
import {
  EARLIEST_TIMESTAMP,
  LATEST_TIMESTAMP,
  type ListedOffset,
  ListOffsets,
  type ListOffsetsInput,
  type TopicPartition,
} from '../client/requests/offset-requests.ts'
import { Produce, type ProducedPartition, type ProduceInput } from '../client/requests/produce-request.ts'
import { DeleteRecords, type TrimResult, type TrimTarget } from '../client/requests/topic-requests.ts'
import { readBatchHeader } from '../codec/record-batch-reader.ts'
import type { ModelBroker, ModelCall, ModelHandlers } from './model-broker.ts'
import type { ModelPartition } from './model-partition.ts'
import type { ModelTopics } from './model-topics.ts'
import type { ModelTransactions } from './model-transactions.ts'

const POLICY_VIOLATION = 44

export class ModelLogs {
  private readonly simulation: Simulation
  private readonly topics: ModelTopics
  private readonly transactions: ModelTransactions
  /** Of a partition: an error to answer instead of writing, e.g. NOT_ENOUGH_REPLICAS; 0: write. */
  produceFault: (partition: ModelPartition) => number = () => 0
  /** Of a partition: an error to answer although the batch is written, e.g. NOT_ENOUGH_REPLICAS_AFTER_APPEND. */
  produceFaultAfter: (partition: ModelPartition) => number = () => 0

  constructor(simulation: Simulation, topics: ModelTopics, transactions: ModelTransactions) {
    this.simulation = simulation
    this.topics = topics
    this.transactions = transactions
  }

  register(handlers: ModelHandlers): void {
    handlers.on(Produce, (input, call) => this.produce(input, call))
    handlers.on(Fetch, (input, call) => this.fetch(input, call))
    handlers.on(ListOffsets, (input, call) => call.reply(this.listOffsets(input, call.broker)))
    handlers.on(DeleteRecords, (input, call) => call.reply(this.deleteRecords(input.targets, call.broker)))
  }

  private produce(input: ProduceInput, call: ModelCall<readonly ProducedPartition[]>): void {
    call.reply(
      input.batches.map(({ topic, partition, records }) => ({
        topic,
        partition,
        ...this.write(input.transactionalId, { topic, partition }, records, call.broker),
      })),
    )
  }

  private write(transactionalId: string | null, at: TopicPartition, records: Buffer, broker: ModelBroker) {
    const refused = (errorCode: number) => ({ errorCode, baseOffset: -1, message: null })
    const found = this.find(at, broker)
    if (typeof found === 'number') return refused(found)
    const header = readBatchHeader(records, 0)
    if (header === null) return refused(KafkaCode.corruptMessage)
    if (header.isTransactional && !found.hasOpenTransaction(header.producerId, header.producerEpoch)) {
      const errorCode = this.transactions.verify(transactionalId ?? '', header, at)
      if (errorCode !== 0) return refused(errorCode)
    }
    const fault = this.produceFault(found)
    if (fault !== 0) return refused(fault)
    const topic = this.topics.get(at.topic)!
    const result = found.append(records, Number(this.topics.setting(topic, 'max.message.bytes')))
    const faultAfter = result.errorCode === 0 ? this.produceFaultAfter(found) : 0
    return faultAfter === 0 ? result : refused(faultAfter)
  }

  private fetch(input: FetchInput, call: ModelCall<FetchAnswer>): void {
    const { broker } = call
    const partitions = input.targets.flatMap((target) => this.topics.partition(target.topic, target.partition) ?? [])
    let isAnswered = false
    const tryAnswer = (isLate: boolean): void => {
      if (isAnswered) return
      const read = this.read(input, broker)
      const bytes = read.reduce((sum, one) => sum + one.records.length, 0)
      if (!isLate && bytes < input.minBytes && read.every((one) => one.errorCode === 0)) return
      isAnswered = true
      cancel()
      for (const partition of partitions) partition.watchers.delete(onChange)
      call.reply({ errorCode: 0, partitions: read })
    }
    const onChange = () => tryAnswer(false)
    let cancel = () => {}
    tryAnswer(input.maxWaitMs === 0)
    if (isAnswered) return
    for (const partition of partitions) partition.watchers.add(onChange)
    cancel = this.simulation.after(null, input.maxWaitMs, 'fetch has waited', () => tryAnswer(true))
  }

  private read(input: FetchInput, broker: ModelBroker): FetchedPartition[] {
    let left = input.maxBytes
    let isFirst = true
    return input.targets.map((target) => {
      const fetched = this.readOne(target, broker, Math.min(left, target.maxBytes), input.readCommitted, isFirst)
      left = Math.max(0, left - fetched.records.length)
      if (fetched.records.length > 0) isFirst = false
      return fetched
    })
  }

  private readOne(
    { topic, partition, offset }: FetchTarget,
    broker: ModelBroker,
    maxBytes: number,
    readCommitted: boolean,
    isFirst: boolean,
  ): FetchedPartition {
    const refused = (errorCode: number): FetchedPartition => ({
      topic,
      partition,
      errorCode,
      highWatermark: -1,
      lastStableOffset: -1,
      logStartOffset: -1,
      abortedTransactions: [],
      records: Buffer.alloc(0),
    })
    const found = this.find({ topic, partition }, broker)
    if (typeof found === 'number') return refused(found)
    if (!found.isInRange(offset)) return refused(KafkaCode.offsetOutOfRange)
    const { highWatermark, lastStableOffset, logStart } = found
    const read = found.read(offset, maxBytes, readCommitted, isFirst)
    return { topic, partition, errorCode: 0, highWatermark, lastStableOffset, logStartOffset: logStart, ...read }
  }

  private listOffsets({ readCommitted, targets }: ListOffsetsInput, broker: ModelBroker): ListedOffset[] {
    return targets.map(({ topic, partition, timestamp }) => {
      const listed = (errorCode: number, offset = -1, at = -1) => ({ topic, partition, errorCode, offset, timestamp: at })
      const found = this.find({ topic, partition }, broker)
      if (typeof found === 'number') return listed(found)
      const end = readCommitted ? found.lastStableOffset : found.highWatermark
      if (timestamp === LATEST_TIMESTAMP) return listed(0, end)
      if (timestamp === EARLIEST_TIMESTAMP) return listed(0, found.logStart)
      const record = found.findTime(timestamp)
      return record === undefined || record.offset >= end ? listed(0) : listed(0, record.offset, record.timestamp)
    })
  }

  private deleteRecords(targets: readonly TrimTarget[], broker: ModelBroker): TrimResult[] {
    return targets.map(({ topic, partition, beforeOffset }) => {
      const result = (errorCode: number, lowWatermark = -1) => ({ topic, partition, errorCode, lowWatermark })
      const found = this.find({ topic, partition }, broker)
      if (typeof found === 'number') return result(found)
      if (this.topics.setting(this.topics.get(topic)!, 'cleanup.policy') === 'compact') return result(POLICY_VIOLATION)
      const before = beforeOffset === -1 ? found.highWatermark : beforeOffset
      if (before > found.highWatermark || before < 0) return result(KafkaCode.offsetOutOfRange)
      found.trim(before)
      return result(0, found.logStart)
    })
  }

  /** The partition, or the error of a broker that doesn't lead it. */
  private find({ topic, partition }: TopicPartition, broker: ModelBroker): ModelPartition | number {
    const found = this.topics.partition(topic, partition)
    if (found === undefined) return KafkaCode.unknownTopicOrPartition
    return found.leader === broker.id ? found : KafkaCode.notLeaderOrFollower
  }
}
