/**
 * For tests: brokers as far as a producer sees them. They keep logs, check sequences like Kafka's (the last five batches of
 * a producer are known, the next must follow directly, an unknown producer may begin anywhere), and, by a seeded
 * scheduler, lose connections before or after a request was carried out, move leaders and answer with errors.
 */
import assert from 'node:assert/strict'
import { systemClock } from '../../../src/common/clock.ts'
import { silentLogger } from '../../../src/common/logger.ts'
import { decodeRecords, readBatchHeader } from '../codec/record-batch-reader.ts'
import type { ClusterAccess, Lane, RequestTarget } from './cluster-access.ts'
import { connectionLost } from './connection-errors.ts'
import { KafkaCode } from './kafka-errors.ts'
import type { RequestType } from './request-type.ts'
import type { TopicPartition } from './requests/offset-requests.ts'
import { Produce, type ProducedPartition, type ProduceInput } from './requests/produce-request.ts'
import { AddPartitionsToTxn, type TransactionRef } from './requests/transaction-requests.ts'

export interface LoggedRecord {
  readonly value: string
  readonly producerId: number
}

interface KnownBatch {
  readonly baseSequence: number
  readonly nextSequence: number
  readonly baseOffset: number
}

interface Log {
  readonly records: LoggedRecord[]
  /** By producer id: its last five batches. */
  readonly producers: Map<number, KnownBatch[]>
  leader: number
}

interface Waiting {
  readonly input: ProduceInput
  readonly connection: number
  resolve(answer: readonly ProducedPartition[]): void
  reject(error: Error): void
  /** The client has given it up; the broker may still carry it out. */
  isAbandoned: boolean
}

/** A small generator of numbers from 0 up to 1: the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

export class ModelBrokers implements ClusterAccess {
  readonly logger = silentLogger
  readonly clock = systemClock
  readonly random = Math.random
  readonly requestTimeoutMs = 1_000
  /** Of 100 steps of a broker, how many go wrong. */
  faultPercent = 0
  /** Most batches on their way at once, of one partition and producer. */
  maxInFlight = 0
  readonly #random: () => number
  readonly #logs = new Map<string, Log>()
  readonly #known = new Map<string, number>()
  readonly #queues = new Map<number, Waiting[]>()
  readonly #connections = new Map<number, number>()
  readonly #stepping = new Set<number>()
  readonly #transactions = new Map<string, Set<string>>()

  constructor(seed: number, partitions: number) {
    this.#random = seededRandom(seed)
    for (let partition = 0; partition < partitions; partition++) {
      const leader = 1 + (partition % 2)
      this.#logs.set(`t:${partition}`, { records: [], producers: new Map(), leader })
      this.#known.set(`t:${partition}`, leader)
    }
  }

  log(partition: number): readonly LoggedRecord[] {
    return this.#log('t', partition).records
  }

  openLane(name: string): Lane {
    return { name, close() {} }
  }

  leaderOf(topic: string, partition: number): number | undefined {
    return this.#known.get(`${topic}:${partition}`)
  }

  partitionCount(): number | undefined {
    return this.#logs.size
  }

  topicError(): number {
    return 0
  }

  forgetCoordinator(): void {}

  async refreshMetadata(): Promise<void> {
    await this.#pause()
    for (const [key, log] of this.#logs) this.#known.set(key, log.leader)
  }

  request<Input, Output>(target: RequestTarget, type: RequestType<Input, Output>, input: Input): Promise<Output> {
    if (type.apiKey === AddPartitionsToTxn.apiKey) {
      return this.#addPartitions(input as TransactionRef & { partitions: readonly TopicPartition[] }) as Promise<Output>
    }
    assert.equal(type.apiKey, Produce.apiKey)
    return new Promise((resolve, reject) => {
      const broker = target as number
      let queue = this.#queues.get(broker)
      if (queue === undefined) this.#queues.set(broker, (queue = []))
      const connection = this.#connections.get(broker) ?? 0
      queue.push({
        input: copyOf(input as ProduceInput),
        connection,
        resolve: (answer) => resolve(answer as Output),
        reject,
        isAbandoned: false,
      })
      this.#watch(queue)
      this.#run(broker)
    })
  }

  async #addPartitions(input: TransactionRef & { partitions: readonly TopicPartition[] }) {
    await this.#pause()
    const id = `${input.transactionalId}:${input.producerEpoch}`
    const busy = this.#random() * 100 < this.faultPercent
    const added = this.#transactions.get(id) ?? new Set()
    this.#transactions.set(id, added)
    return input.partitions.map(({ topic, partition }) => {
      if (!busy) added.add(`${topic}:${partition}`)
      return { topic, partition, errorCode: busy ? KafkaCode.concurrentTransactions : 0 }
    })
  }

  #run(broker: number): void {
    if (this.#stepping.has(broker)) return
    this.#stepping.add(broker)
    const step = async (): Promise<void> => {
      const queue = this.#queues.get(broker) as Waiting[]
      while (queue.length > 0) {
        await this.#pause()
        if (this.#random() * 100 < this.faultPercent) this.#fault(broker, queue)
        const next = queue.shift()
        if (next === undefined) break
        const answer = this.#carryOut(broker, next.input)
        if (!next.isAbandoned) next.resolve(answer)
      }
      this.#stepping.delete(broker)
    }
    void step()
  }

  #fault(broker: number, queue: Waiting[]): void {
    const kind = Math.floor(this.#random() * 3)
    if (kind === 0) {
      const log = [...this.#logs.values()][Math.floor(this.#random() * this.#logs.size)] as Log
      log.leader = 1 + Math.floor(this.#random() * 2)
    } else {
      // The connection breaks. What the broker had received already may still be carried out, later.
      const lost = queue.filter((waiting) => !waiting.isAbandoned)
      if (kind === 1) queue.splice(Math.floor(this.#random() * (queue.length + 1)))
      for (const waiting of lost) {
        waiting.isAbandoned = true
        waiting.reject(connectionLost(`broker ${broker}`, undefined))
      }
      this.#connections.set(broker, (this.#connections.get(broker) ?? 0) + 1)
    }
  }

  #carryOut(broker: number, input: ProduceInput): ProducedPartition[] {
    return input.batches.map(({ topic, partition, records }) => {
      const log = this.#log(topic, partition)
      const result = (errorCode: number, baseOffset = -1) => ({ topic, partition, errorCode, baseOffset, message: null })
      if (log.leader !== broker) return result(KafkaCode.notLeaderOrFollower)
      if (this.#random() * 100 < this.faultPercent / 4) return result(19) // not enough replicas
      const header = readBatchHeader(records, 0)
      assert.ok(header !== null)
      if (header.isTransactional) {
        const added = this.#transactions.get(`${input.transactionalId}:${header.producerEpoch}`)
        if (!added?.has(`${topic}:${partition}`)) return result(KafkaCode.invalidTxnState)
      }
      let known = log.producers.get(header.producerId)
      const duplicate = known?.find((batch) => batch.baseSequence === header.baseSequence)
      if (duplicate !== undefined) return result(0, duplicate.baseOffset)
      const last = known?.at(-1)
      if (last !== undefined && last.nextSequence !== header.baseSequence) return result(KafkaCode.outOfOrderSequenceNumber)
      const baseOffset = log.records.length
      const set = decodeRecords(records, header)
      for (let index = 0; index < set.count; index++) {
        const value = set.buffer.toString('utf8', set.valueStart[index], set.valueEnd[index])
        log.records.push({ value, producerId: header.producerId })
      }
      if (known === undefined) log.producers.set(header.producerId, (known = []))
      const nextSequence = header.baseSequence + header.recordCount
      known.push({ baseSequence: header.baseSequence, nextSequence, baseOffset })
      if (known.length > 5) known.shift()
      // Written, but the answer says that too few replicas have it.
      if (this.#random() * 100 < this.faultPercent / 4) return result(20)
      return result(0, baseOffset)
    })
  }

  #watch(queue: readonly Waiting[]): void {
    const counts = new Map<string, number>()
    for (const waiting of queue) {
      if (waiting.isAbandoned) continue
      for (const { partition, records } of waiting.input.batches) {
        const key = `${partition}:${readBatchHeader(records, 0)?.producerId}`
        counts.set(key, (counts.get(key) ?? 0) + 1)
      }
    }
    this.maxInFlight = Math.max(this.maxInFlight, ...counts.values())
  }

  async #pause(): Promise<void> {
    for (let turns = Math.floor(this.#random() * 4); turns >= 0; turns--) {
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  #log(topic: string, partition: number): Log {
    return this.#logs.get(`${topic}:${partition}`) as Log
  }
}

/** As it left the socket: later changes to the batch must not matter. */
function copyOf(input: ProduceInput): ProduceInput {
  return { ...input, batches: input.batches.map((batch) => ({ ...batch, records: Buffer.from(batch.records) })) }
}
