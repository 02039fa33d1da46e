/** What the scripts of the Kafka contract are written with: requests as the product sends them, and short names for answers. */
import { isMillraceError } from '../../../src/common/errors.ts'
import type { KafkaClient } from '../client/client.ts'
import type { RequestTarget } from '../client/cluster-access.ts'
import { isRetriableCode, kafkaErrorName } from '../client/kafka-errors.ts'
import type { RequestType } from '../client/request-type.ts'
import { Fetch, type FetchedPartition, type FetchInput, type FetchTarget } from '../client/requests/fetch-request.ts'
import { ListOffsets } from '../client/requests/offset-requests.ts'
import { Produce } from '../client/requests/produce-request.ts'
import { CreateTopics } from '../client/requests/topic-requests.ts'
import { AddPartitionsToTxn, EndTxn, InitProducerId, type TransactionRef } from '../client/requests/transaction-requests.ts'
import { RecordBatchBuilder, stampBatch } from '../codec/record-batch-builder.ts'
import { type BatchHeader, readBatchHeader, readControlRecord } from '../codec/record-batch-reader.ts'

/** A cluster of one broker with id 1, `transaction.abort.timed.out.transaction.cleanup.interval.ms` of 500. */
export interface KafkaUnderContract {
  /** A client of its own. */
  connect(clientId: string): Promise<KafkaClient>
  /** Resolves when it serves again. */
  restart(how: 'clean' | 'crash'): Promise<void>
}

export interface WriteOptions {
  readonly producerId?: number
  readonly producerEpoch?: number
  readonly sequence?: number
  readonly records?: number
  readonly transactionalId?: string
  readonly bytes?: number
  readonly timestampMs?: number
}

const AGAIN_MS = 20
const PATIENCE_MS = 20_000

/** One client and what it asks. Codes come as Kafka's names, so that a difference can be read. */
export class ContractClient {
  readonly client: KafkaClient

  constructor(client: KafkaClient) {
    this.client = client
  }

  /** Asks again while the answer says that brokers start, coordinators load or transactions complete. */
  async settled<T>(target: RequestTarget, ask: () => Promise<T>, codeOf: (answer: T) => string): Promise<T> {
    const { clock } = this.client
    const deadlineMs = clock.monotonicMs() + PATIENCE_MS
    for (;;) {
      const isLate = clock.monotonicMs() > deadlineMs
      try {
        const answer = await ask()
        if (!PASSING.has(codeOf(answer)) || isLate) return answer
      } catch (error) {
        // Nobody coordinates it yet, so nothing was asked.
        if (!isMillraceError(error, 'MR_KAFKA_COORDINATOR_UNAVAILABLE') || isLate) throw error
      }
      this.client.forgetCoordinator(target)
      await clock.sleep(AGAIN_MS)
    }
  }

  async createTopic(name: string, partitions = 1, configs: Readonly<Record<string, string>> = {}): Promise<string> {
    const topic = { name, partitions, replicationFactor: 1, configs }
    const [result] = await this.client.request('controller', CreateTopics, { topics: [topic], timeoutMs: 10_000 })
    if (result?.errorCode === 0) await this.client.topic(name, 10_000)
    return kafkaErrorName(result?.errorCode ?? -1)
  }

  /** `ok` and the base offset, or the error's name. */
  async write(topic: string, options: WriteOptions = {}): Promise<string> {
    const input = {
      transactionalId: options.transactionalId ?? null,
      timeoutMs: 10_000,
      batches: [{ topic, partition: 0, records: batchOf({ timestampMs: this.client.clock.nowMs(), ...options }) }],
    }
    const ask = async () => {
      const [result] = await this.client.request(1, Produce, input)
      return result?.errorCode === 0 ? `ok ${result.baseOffset}` : kafkaErrorName(result?.errorCode ?? -1)
    }
    return this.settled(1, ask, (code) => code)
  }

  async init(
    transactionalId: string | null,
    known?: { readonly producerId: number; readonly producerEpoch: number },
    transactionTimeoutMs = 60_000,
  ) {
    const input = { transactionalId, transactionTimeoutMs, producerId: -1, producerEpoch: -1, ...known }
    const target: RequestTarget = transactionalId === null ? 'any' : { transactionalId }
    const ask = async () => {
      const { errorCode, producerId, producerEpoch } = await this.client.request(target, InitProducerId, input)
      return { code: kafkaErrorName(errorCode), producerId, producerEpoch }
    }
    return this.settled(target, ask, ({ code }) => code)
  }

  add(transaction: TransactionRef, topics: readonly string[]): Promise<string> {
    const partitions = topics.map((topic) => ({ topic, partition: 0 }))
    const target = { transactionalId: transaction.transactionalId }
    const ask = async () => {
      const results = await this.client.request(target, AddPartitionsToTxn, { ...transaction, partitions })
      return results.map(({ errorCode }) => kafkaErrorName(errorCode)).join(' ')
    }
    return this.settled(target, ask, (code) => code)
  }

  /** Without asking again: that a transaction is still being ended is an answer too. */
  async endOnce(transaction: TransactionRef, outcome: 'commit' | 'abort'): Promise<string> {
    const { transactionalId } = transaction
    const input = { ...transaction, commit: outcome === 'commit' }
    return kafkaErrorName((await this.request({ transactionalId }, EndTxn, input)).errorCode)
  }

  end(transaction: TransactionRef, outcome: 'commit' | 'abort'): Promise<string> {
    return this.settled(
      { transactionalId: transaction.transactionalId },
      () => this.endOnce(transaction, outcome),
      (code) => code,
    )
  }

  /** A new identity with an open transaction over the topics. */
  async begin(transactionalId: string, topics: readonly string[], transactionTimeoutMs?: number): Promise<TransactionRef> {
    const { producerId, producerEpoch } = await this.init(transactionalId, undefined, transactionTimeoutMs)
    const transaction = { transactionalId, producerId, producerEpoch }
    await this.add(transaction, topics)
    return transaction
  }

  async fetch(topic: string, offset: number, more: Partial<FetchInput & FetchTarget> = {}): Promise<FetchedPartition> {
    const { readCommitted = false, maxWaitMs = 0, minBytes = 0, maxBytes = 1_000_000 } = more
    const targets = [{ topic, partition: 0, offset, maxBytes }]
    const input = { readCommitted, maxWaitMs, minBytes, maxBytes: 1_000_000, targets }
    const { partitions } = await this.client.request(1, Fetch, input)
    return partitions[0]!
  }

  /** Earliest, end and last stable offset. */
  async offsets(topic: string): Promise<readonly [first: number, end: number, stable: number]> {
    const ask = async (timestamp: number, readCommitted: boolean) => {
      const targets = [{ topic, partition: 0, timestamp }]
      const list = async () => (await this.client.request(1, ListOffsets, { readCommitted, targets }))[0]!
      return (await this.settled(1, list, ({ errorCode }) => kafkaErrorName(errorCode))).offset
    }
    return [await ask(-2, false), await ask(-1, false), await ask(-1, true)]
  }

  /** Until no transaction is open in the topic. */
  async decided(topic: string): Promise<void> {
    for (;;) {
      const [, end, stable] = await this.offsets(topic)
      if (end === stable) return
      await this.client.clock.sleep(AGAIN_MS)
    }
  }

  /** One line a batch: offsets, producer, epoch, and what it is. */
  async log(topic: string): Promise<string[]> {
    const { records } = await this.fetch(topic, (await this.offsets(topic))[0])
    return headersIn(records).map((header) => {
      const kind = header.isControl ? readControlRecord(records, header) : header.isTransactional ? 'transactional' : 'plain'
      const range =
        header.baseOffset === header.lastOffset ? `${header.baseOffset}` : `${header.baseOffset}-${header.lastOffset}`
      return `${range} ${kind}${header.producerId < 0 ? '' : ` epoch ${header.producerEpoch}`}`
    })
  }

  request<Input, Output>(target: RequestTarget, type: RequestType<Input, Output>, input: Input): Promise<Output> {
    return this.settled(
      target,
      () => this.client.request(target, type, input),
      () => 'an answer',
    )
  }
}

export function headersIn(records: Buffer): BatchHeader[] {
  const headers: BatchHeader[] = []
  for (let at = 0; ; ) {
    const header = readBatchHeader(records, at)
    if (header === null) return headers
    headers.push(header)
    at += header.byteLength
  }
}

/** Codes that pass by themselves. */
const PASSING = new Set([5, 6, 14, 15, 16, 51].filter((code) => isRetriableCode(code)).map((code) => kafkaErrorName(code)))

const builder = new RecordBatchBuilder(1_024)

function batchOf(options: WriteOptions): Buffer {
  const { producerId = -1, producerEpoch = 0, sequence = 0, records = 1, transactionalId, bytes = 4, timestampMs = 0 } = options
  for (let i = 0; i < records; i++) builder.appendText(timestampMs, null, 'v'.repeat(bytes))
  const sealed = builder.seal('none')
  const isIdempotent = producerId >= 0
  stampBatch(sealed, {
    producerId,
    producerEpoch: isIdempotent ? producerEpoch : -1,
    baseSequence: isIdempotent ? sequence : -1,
    isTransactional: transactionalId !== undefined,
  })
  return sealed.buffer
}
