/**
 * The transaction coordinator of the Kafka model, after Kafka 4.1's for clients of KIP-890's first part (EndTxn up to
 * version 4): the order of the checks is the broker's.
 *
 *     Empty ─→ Ongoing ─→ PrepareCommit/PrepareAbort ─→ CompleteCommit/CompleteAbort ─→ Ongoing …
 *
 * A step is written to the coordinator's own log first, which takes a moment; whoever asks meanwhile is told
 * CONCURRENT_TRANSACTIONS. EndTxn is answered when the outcome is written there, before any marker is.
 */
import { wallTimeMs } from '../../../src/testing/simulator/simulated-clock.ts'
import type { Simulation } from '../../../src/testing/simulator/simulation.ts'
import { KafkaCode } from '../client/kafka-errors.ts'
import type { TopicPartition } from '../client/requests/offset-requests.ts'
import {
  AddPartitionsToTxn,
  EndTxn,
  InitProducerId,
  type InitProducerIdAnswer,
  type InitProducerIdInput,
  type TransactionRef,
} from '../client/requests/transaction-requests.ts'
import type { ModelBroker, ModelCall, ModelHandlers } from './model-broker.ts'
import type { ModelTopics } from './model-topics.ts'

type State = 'Empty' | 'Ongoing' | 'PrepareCommit' | 'PrepareAbort' | 'CompleteCommit' | 'CompleteAbort'

interface Transaction {
  readonly transactionalId: string
  producerId: number
  epoch: number
  /** As the coordinator's log has it: an abort raises the epoch in memory first. */
  writtenEpoch: number
  /** Not written to the coordinator's log: a coordinator that restarts doesn't know it. */
  lastEpoch: number
  state: State
  timeoutMs: number
  partitions: Map<string, TopicPartition>
  /** A step is being written. Counts, so that a restart calls off what was begun before. */
  isPending: boolean
  /** Counts what began: an expiry is for one transaction alone. */
  serial: number
}

/** Simulated milliseconds. */
export interface TransactionTimes {
  /** Of a step into the coordinator's own log, at most. */
  writeMs: number
  /** From there until a marker stands in a partition, at most. */
  markerMs: number
  /** transaction.abort.timed.out.transaction.cleanup.interval.ms */
  expiryCheckMs: number
  /** transaction.max.timeout.ms */
  maxTimeoutMs: number
}

/** What names a transaction for ever, if its producer keeps to the rules. */
export interface TransactionIdentity {
  readonly transactionalId: string
  readonly producerId: number
  readonly epoch: number
}

/** For checkers. */
export interface TransactionWatcher {
  /** The first partition is added to it. */
  begun(transaction: TransactionIdentity): void
  /** Its end is decided, by whomever: markers follow. */
  ended(transaction: TransactionIdentity, isCommit: boolean): void
}

const NO_EPOCH = -1
const MARKER_RETRY_MS = 20

export class ModelTransactions {
  watcher: TransactionWatcher | undefined
  readonly times: TransactionTimes = { writeMs: 1, markerMs: 5, expiryCheckMs: 10_000, maxTimeoutMs: 900_000 }
  private readonly simulation: Simulation
  private readonly topics: ModelTopics
  private readonly random: () => number
  /** The error of a broker that doesn't coordinate the id; 0. */
  private readonly refuse: (broker: ModelBroker, transactionalId: string) => number
  private readonly byId = new Map<string, Transaction>()
  private producerIds = 1_000

  constructor(simulation: Simulation, topics: ModelTopics, refuse: (broker: ModelBroker, transactionalId: string) => number) {
    this.simulation = simulation
    this.topics = topics
    this.refuse = refuse
    const random = simulation.random.fork()
    this.random = () => random.next()
  }

  register(handlers: ModelHandlers): void {
    handlers.on(InitProducerId, (input, call) => this.init(input, call))
    handlers.on(AddPartitionsToTxn, (input, call) => this.addPartitions(input, call))
    handlers.on(EndTxn, (input, call) => this.end(input, call))
  }

  /** For checkers: transactional ids whose transaction is open or being ended. */
  get open(): readonly string[] {
    const isOpen = (transaction: Transaction) => transaction.state === 'Ongoing' || isPreparing(transaction)
    return [...this.byId.values()].filter(isOpen).map(({ transactionalId }) => transactionalId)
  }

  /** After transactional.id.expiration.ms without use. */
  forget(transactionalId: string): void {
    const transaction = this.byId.get(transactionalId)
    if (transaction !== undefined && !transaction.isPending && transaction.state !== 'Ongoing')
      this.byId.delete(transactionalId)
  }

  /** The time of its open transaction is over. */
  expire(transactionalId: string): void {
    const transaction = this.byId.get(transactionalId)
    if (transaction?.state === 'Ongoing' && !transaction.isPending) this.abortFenced(transaction)
  }

  /** What a coordinator knows that has just loaded the ids: what was written. A step under way is as if never asked for. */
  reload(isCoordinated: (transactionalId: string) => boolean): void {
    for (const transaction of this.byId.values()) {
      if (!isCoordinated(transaction.transactionalId)) continue
      transaction.epoch = transaction.writtenEpoch
      transaction.lastEpoch = NO_EPOCH
      transaction.isPending = false
      transaction.serial++
      if (isPreparing(transaction)) this.writeMarkers(transaction)
      if (transaction.state === 'Ongoing') this.expireLater(transaction)
    }
  }

  /**
   * KIP-890, part 1: a leader asks the coordinator before the first batch of a transaction. Errors as a leader passes them
   * on to producers of Produce version 8.
   */
  verify(transactionalId: string, producer: { producerId: number; producerEpoch: number }, at: TopicPartition): number {
    const transaction = this.byId.get(transactionalId)
    if (transaction === undefined || transaction.producerId !== producer.producerId) return KafkaCode.invalidProducerIdMapping
    if (transaction.epoch !== producer.producerEpoch) return KafkaCode.invalidProducerEpoch
    if (transaction.isPending || isPreparing(transaction)) return NOT_ENOUGH_REPLICAS
    const isAdded = transaction.state === 'Ongoing' && transaction.partitions.has(keyOf(at))
    return isAdded ? 0 : KafkaCode.invalidTxnState
  }

  private init(input: InitProducerIdInput, call: ModelCall<InitProducerIdAnswer>): void {
    const { transactionalId, transactionTimeoutMs } = input
    if (transactionalId === null) {
      call.reply({ errorCode: 0, producerId: this.producerIds++, producerEpoch: 0 })
      return
    }
    const judged = this.judgeInit(transactionalId, input, call.broker)
    if (typeof judged === 'number') {
      call.reply({ errorCode: judged, producerId: -1, producerEpoch: -1 })
      return
    }
    const { transaction, epoch, lastEpoch } = judged
    this.write(transaction, 'InitProducerId', () => {
      transaction.state = 'Empty'
      transaction.epoch = epoch
      transaction.lastEpoch = lastEpoch
      transaction.timeoutMs = transactionTimeoutMs
      transaction.partitions.clear()
      call.reply({ errorCode: 0, producerId: transaction.producerId, producerEpoch: epoch })
    })
  }

  /** An error, or what to write. */
  private judgeInit(
    transactionalId: string,
    input: InitProducerIdInput,
    broker: ModelBroker,
  ): number | ({ readonly transaction: Transaction } & Epochs) {
    const refusal = this.refuse(broker, transactionalId)
    if (refusal !== 0) return refusal
    if (input.transactionTimeoutMs > this.times.maxTimeoutMs) return KafkaCode.invalidTransactionTimeout
    const transaction = this.byId.get(transactionalId) ?? this.create(transactionalId)
    const expected = input.producerId >= 0 ? input : undefined
    if (transaction.isPending) return KafkaCode.concurrentTransactions
    const isOther = expected !== undefined && expected.producerId !== transaction.producerId
    if (isOther && transaction.epoch !== NO_EPOCH) return KafkaCode.producerFenced
    switch (transaction.state) {
      case 'PrepareAbort':
      case 'PrepareCommit':
        return KafkaCode.concurrentTransactions
      case 'Ongoing':
        // Before the expected epoch is looked at: a stale caller aborts, too (R28).
        this.abortFenced(transaction)
        return KafkaCode.concurrentTransactions
      case 'Empty':
      case 'CompleteAbort':
      case 'CompleteCommit': {
        const next = nextEpochs(transaction, expected?.producerEpoch)
        return next === undefined ? KafkaCode.producerFenced : { transaction, ...next }
      }
    }
  }

  private addPartitions(
    input: TransactionRef & { partitions: readonly TopicPartition[] },
    call: ModelCall<ReadonlyArray<TopicPartition & { errorCode: number }>>,
  ): void {
    const { partitions } = input
    const answer = (codeOf: (at: TopicPartition) => number) =>
      call.reply(partitions.map((at) => ({ ...at, errorCode: codeOf(at) })))
    const isMissing = ({ topic, partition }: TopicPartition) => this.topics.partition(topic, partition) === undefined
    if (partitions.some(isMissing)) {
      answer((at) => (isMissing(at) ? KafkaCode.unknownTopicOrPartition : KafkaCode.operationNotAttempted))
      return
    }
    const judged = this.judgeAdd(input, call.broker)
    if (typeof judged === 'number') {
      answer(() => judged)
      return
    }
    this.write(judged, 'AddPartitionsToTxn', () => {
      if (judged.state !== 'Ongoing') {
        judged.state = 'Ongoing'
        judged.partitions.clear()
        this.watcher?.begun(judged)
        this.expireLater(judged)
      }
      for (const at of partitions) judged.partitions.set(keyOf(at), at)
      answer(() => 0)
    })
  }

  /** An error, 0 where nothing needs to be written, or the transaction. */
  private judgeAdd(
    input: TransactionRef & { partitions: readonly TopicPartition[] },
    broker: ModelBroker,
  ): number | Transaction {
    const refusal = this.refuse(broker, input.transactionalId)
    if (refusal !== 0) return refusal
    const transaction = this.byId.get(input.transactionalId)
    if (transaction === undefined) return KafkaCode.invalidProducerIdMapping
    if (transaction.isPending) return KafkaCode.concurrentTransactions
    if (transaction.producerId !== input.producerId) return KafkaCode.invalidProducerIdMapping
    if (transaction.epoch !== input.producerEpoch) return KafkaCode.producerFenced
    if (isPreparing(transaction)) return KafkaCode.concurrentTransactions
    const isKnown = (at: TopicPartition) => transaction.partitions.has(keyOf(at))
    return transaction.state === 'Ongoing' && input.partitions.every(isKnown) ? 0 : transaction
  }

  private end(input: TransactionRef & { commit: boolean }, call: ModelCall<{ errorCode: number }>): void {
    const judged = this.judgeEnd(input, call.broker)
    if (typeof judged === 'number') {
      call.reply({ errorCode: judged })
      return
    }
    this.write(judged, 'EndTxn', () => {
      this.prepare(judged, input.commit)
      call.reply({ errorCode: 0 })
    })
  }

  /** The answer, or the transaction that is to be ended. */
  private judgeEnd(input: TransactionRef & { commit: boolean }, broker: ModelBroker): number | Transaction {
    const refusal = this.refuse(broker, input.transactionalId)
    if (refusal !== 0) return refusal
    const transaction = this.byId.get(input.transactionalId)
    if (transaction?.producerId !== input.producerId) return KafkaCode.invalidProducerIdMapping
    if (transaction.epoch !== input.producerEpoch) return KafkaCode.producerFenced
    if (transaction.isPending) return KafkaCode.concurrentTransactions
    switch (transaction.state) {
      case 'Ongoing':
        return transaction
      case 'CompleteCommit':
        return input.commit ? 0 : KafkaCode.invalidTxnState
      case 'CompleteAbort':
        return input.commit ? KafkaCode.invalidTxnState : 0
      case 'PrepareCommit':
        return input.commit ? KafkaCode.concurrentTransactions : KafkaCode.invalidTxnState
      case 'PrepareAbort':
        return input.commit ? KafkaCode.invalidTxnState : KafkaCode.concurrentTransactions
      case 'Empty':
        return KafkaCode.invalidTxnState
    }
  }

  private create(transactionalId: string): Transaction {
    const transaction: Transaction = {
      transactionalId,
      producerId: this.producerIds++,
      epoch: NO_EPOCH,
      writtenEpoch: NO_EPOCH,
      lastEpoch: NO_EPOCH,
      state: 'Empty',
      timeoutMs: 0,
      partitions: new Map(),
      isPending: false,
      serial: 0,
    }
    this.byId.set(transactionalId, transaction)
    return transaction
  }

  /** Takes a moment, and is lost if the coordinator restarts in it. */
  private write(transaction: Transaction, what: string, done: () => void): void {
    transaction.isPending = true
    const { serial } = transaction
    this.simulation.after(null, this.random() * this.times.writeMs, `coordinator writes ${what}`, () => {
      if (transaction.serial !== serial) return
      transaction.isPending = false
      done()
      transaction.writtenEpoch = transaction.epoch
    })
  }

  /** By a newer InitProducerId, or because it took too long: the marker carries a raised epoch. */
  private abortFenced(transaction: Transaction): void {
    // Whoever had the epoch may go on with the raised one (KIP-588), unless somebody else asks first.
    transaction.lastEpoch = transaction.epoch
    transaction.epoch++
    this.write(transaction, 'an abort', () => this.prepare(transaction, false))
  }

  private prepare(transaction: Transaction, isCommit: boolean): void {
    transaction.state = isCommit ? 'PrepareCommit' : 'PrepareAbort'
    this.watcher?.ended(transaction, isCommit)
    this.writeMarkers(transaction)
  }

  private writeMarkers(transaction: Transaction): void {
    const { serial } = transaction
    const isCommit = transaction.state === 'PrepareCommit'
    const left = new Map(transaction.partitions)
    const isCurrent = () => transaction.serial === serial && isPreparing(transaction)
    const complete = () => {
      if (!isCurrent()) return
      transaction.state = isCommit ? 'CompleteCommit' : 'CompleteAbort'
      transaction.partitions.clear()
    }
    const mark = (key: string, at: TopicPartition): void => {
      if (!isCurrent()) return
      const partition = this.topics.partition(at.topic, at.partition)
      if (partition !== undefined && partition.leader < 0) {
        this.simulation.after(null, MARKER_RETRY_MS, 'marker waits for a leader', () => mark(key, at))
        return
      }
      const { producerId, epoch: producerEpoch } = transaction
      partition?.appendMarker({ producerId, producerEpoch, isCommit, timestampMs: wallTimeMs(this.simulation.nowMs) })
      left.delete(key)
      if (left.size === 0) this.simulation.after(null, this.random() * this.times.writeMs, 'transaction complete', complete)
    }
    if (left.size === 0) complete()
    for (const [key, at] of [...left]) {
      this.simulation.after(null, this.random() * this.times.markerMs, 'transaction marker', () => mark(key, at))
    }
  }

  /** At the coordinator's next look behind the timeout. */
  private expireLater(transaction: Transaction): void {
    const serial = ++transaction.serial
    const { expiryCheckMs } = this.times
    const dueMs = this.simulation.nowMs + transaction.timeoutMs
    const atMs = Math.ceil(dueMs / expiryCheckMs) * expiryCheckMs
    const expire = (): void => {
      if (transaction.serial !== serial || transaction.state !== 'Ongoing') return
      if (transaction.isPending) this.simulation.after(null, expiryCheckMs, 'transaction expiry', expire)
      else this.abortFenced(transaction)
    }
    this.simulation.after(null, atMs - this.simulation.nowMs, 'transaction expiry', expire)
  }
}

const NOT_ENOUGH_REPLICAS = 19

interface Epochs {
  readonly epoch: number
  readonly lastEpoch: number
}

/** The epochs that InitProducerId leads to (KIP-360); undefined: the caller is fenced. */
function nextEpochs({ epoch, lastEpoch }: Transaction, expected: number | undefined): Epochs | undefined {
  if (expected === undefined) return { epoch: epoch + 1, lastEpoch: NO_EPOCH }
  if (epoch === NO_EPOCH || expected === epoch) return { epoch: epoch + 1, lastEpoch: epoch }
  // Asked once more, because the answer was lost.
  if (expected === lastEpoch) return { epoch, lastEpoch }
  return undefined
}

function isPreparing({ state }: Transaction): boolean {
  return state === 'PrepareCommit' || state === 'PrepareAbort'
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}:${partition}`
}
