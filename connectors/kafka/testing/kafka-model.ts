/**
 * Kafka in memory, under a simulation: partitions hold real record batches, the coordinators answer as Kafka 4.1's do.
 * kafka-contract.ts holds it to a real broker, answer by answer.
 *
 * Left out: replication (what is written is committed), throttling, authorisation, fetch sessions, static members.
 */
import { wallTimeMs } from '../../../src/testing/simulator/simulated-clock.ts'
import type { Simulation } from '../../../src/testing/simulator/simulation.ts'
import { KafkaCode } from '../client/kafka-errors.ts'
import type { RequestType } from '../client/request-type.ts'
import { ModelAdmin } from './model-admin.ts'
import { type ModelBroker, type ModelCall, ModelHandlers } from './model-broker.ts'
import { ModelGroups } from './model-groups.ts'
import { ModelLogs } from './model-logs.ts'
import type { ModelPartition } from './model-partition.ts'
import { ModelTopics } from './model-topics.ts'
import { ModelTransactions } from './model-transactions.ts'

export interface KafkaModelOptions {
  /** Default 1. */
  readonly brokers?: number
}

/** How long partitions have no leader when theirs has failed, and coordinators load when they move. */
const ELECTION_MS = { least: 5, most: 200 }
/** Kafka's default. */
const PRODUCER_EXPIRATION_MS = 86_400_000
const LOADING_MS = { least: 0, most: 300 }

export class KafkaModel {
  readonly brokers: readonly ModelBroker[]
  readonly topics: ModelTopics
  readonly transactions: ModelTransactions
  readonly groups: ModelGroups
  readonly logs: ModelLogs
  private readonly simulation: Simulation
  private readonly handlers = new ModelHandlers()
  private readonly random: Simulation['random']
  private readonly onCrash = new Set<(broker: ModelBroker) => void>()

  constructor(simulation: Simulation, { brokers: count = 1 }: KafkaModelOptions = {}) {
    this.simulation = simulation
    this.random = simulation.random.fork()
    this.brokers = Array.from({ length: count }, (_, i) => ({
      id: i + 1,
      host: `kafka-${i + 1}`,
      port: 9092,
      isUp: true,
      incarnation: 0,
      loadingUntilMs: 0,
    }))
    this.topics = new ModelTopics(simulation, (index) => this.leaderFor(index))
    const refuse = (broker: ModelBroker, key: string) => this.refusal(broker, key)
    this.transactions = new ModelTransactions(simulation, this.topics, refuse)
    this.groups = new ModelGroups(simulation, this.topics, refuse)
    this.logs = new ModelLogs(simulation, this.topics, this.transactions)
    const admin = new ModelAdmin({
      brokers: this.brokers,
      topics: this.topics,
      random: () => this.random.next(),
      coordinatorOf: (key) => this.coordinatorOf(key),
      brokerSettings: () => new Map([['transaction.max.timeout.ms', String(this.transactions.times.maxTimeoutMs)]]),
    })
    for (const part of [this.transactions, this.groups, this.logs, admin]) part.register(this.handlers)
  }

  /** The addresses to find it by. */
  get bootstrap(): readonly string[] {
    return this.brokers.map(({ host, port }) => `${host}:${port}`)
  }

  handle<Input, Output>(type: RequestType<Input, Output>, input: Input, call: ModelCall<Output>): void {
    this.handlers.handle(type, input, call)
  }

  partition(topic: string, partition: number): ModelPartition | undefined {
    return this.topics.partition(topic, partition)
  }

  /**
   * Stopped or killed: connections break, partitions move to another broker if there is one, coordinators forget what
   * they had not written.
   */
  crash(broker: ModelBroker): void {
    if (!broker.isUp) return
    this.simulation.note(null, `broker ${broker.id} stops`)
    const isCoordinated = this.coordinatedBy(broker)
    broker.isUp = false
    broker.incarnation++
    for (const listener of this.onCrash) listener(broker)
    for (const partition of this.ledBy(broker.id)) {
      partition.leaderBefore = broker.id
      partition.lead(-1)
    }
    this.transactions.reload(isCoordinated)
    this.groups.reload(isCoordinated)
    for (const other of this.brokers) if (other.isUp) this.load(other)
    this.elect()
  }

  /** State and logs are as they were. */
  restart(broker: ModelBroker): void {
    if (broker.isUp) return
    this.simulation.note(null, `broker ${broker.id} starts`)
    const before = new Map([...this.brokers].map((one) => [one, this.coordinatedBy(one)]))
    broker.isUp = true
    this.load(broker)
    const isTakenOver = (key: string) =>
      [...before].some(([, isCoordinated]) => isCoordinated(key)) && this.coordinatedBy(broker)(key)
    this.transactions.reload(isTakenOver)
    this.groups.reload(isTakenOver)
    this.elect()
  }

  /** Called when a broker has crashed: connections break. */
  whenCrashed(listener: (broker: ModelBroker) => void): void {
    this.onCrash.add(listener)
  }

  /** Moves a partition to another broker that is up, if there is one. */
  moveLeader(partition: ModelPartition): void {
    const others = this.brokers.filter((broker) => broker.isUp && broker.id !== partition.leader)
    const next = this.random.pick(others)
    if (next === undefined) return
    this.simulation.note(null, `${partition.topic}-${partition.partition} moves to broker ${next.id}`)
    partition.lead(next.id)
  }

  private coordinatorOf(key: string): ModelBroker | undefined {
    const { length } = this.brokers
    const first = hashOf(key) % length
    for (let i = 0; i < length; i++) {
      const broker = this.brokers[(first + i) % length]!
      if (broker.isUp) return broker
    }
    return undefined
  }

  private coordinatedBy(broker: ModelBroker): (key: string) => boolean {
    const up = this.brokers.filter((one) => one.isUp)
    const { length } = this.brokers
    return (key) => {
      const first = hashOf(key) % length
      for (let i = 0; i < length; i++) {
        const candidate = this.brokers[(first + i) % length]!
        if (up.includes(candidate)) return candidate === broker
      }
      return false
    }
  }

  private refusal(broker: ModelBroker, key: string): number {
    if (this.coordinatorOf(key) !== broker) return KafkaCode.notCoordinator
    return broker.loadingUntilMs > this.simulation.nowMs ? KafkaCode.coordinatorLoadInProgress : 0
  }

  private load(broker: ModelBroker): void {
    broker.loadingUntilMs = this.simulation.nowMs + this.random.between(LOADING_MS.least, LOADING_MS.most)
  }

  private elect(): void {
    const waitMs = this.random.between(ELECTION_MS.least, ELECTION_MS.most)
    this.simulation.after(null, waitMs, 'leaders are elected', () => {
      for (const topic of this.topics.all) {
        for (const partition of topic.partitions) {
          if (partition.leader >= 0) continue
          // Another one, if there is one: it has been in step. What it remembers of producers, one that starts again does not.
          const leader = this.leaderFor(partition.partition, partition.leaderBefore)
          if (leader === partition.leaderBefore) {
            partition.forgetOlderBatches()
            partition.forgetProducersBefore(wallTimeMs(this.simulation.nowMs) - PRODUCER_EXPIRATION_MS)
          }
          partition.lead(leader)
        }
      }
    })
  }

  /** -1: no broker is up. */
  private leaderFor(index: number, unwanted = -1): number {
    const up = this.brokers.filter((broker) => broker.isUp)
    const wanted = up.length > 1 ? up.filter((broker) => broker.id !== unwanted) : up
    return wanted[index % wanted.length]?.id ?? -1
  }

  private *ledBy(brokerId: number): Iterable<ModelPartition> {
    for (const topic of this.topics.all) {
      for (const partition of topic.partitions) if (partition.leader === brokerId) yield partition
    }
  }
}

function hashOf(key: string): number {
  let hash = 7
  for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) >>> 0
  return hash
}
