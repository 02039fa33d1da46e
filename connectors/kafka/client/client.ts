/**
 * The client: finds the cluster, knows its brokers and leaders, carries requests to the right broker. It sends each
 * request once; who retries, and what an error code means, is decided one level up (admin.ts, transactions.ts,
 * sender.ts, fetcher.ts).
 */
import { type Clock, systemClock } from '../../../src/common/clock.ts'
import { MillraceError, toError } from '../../../src/common/errors.ts'
import { type Logger, silentLogger } from '../../../src/common/logger.ts'
import { type BrokerVersions, hasTransactionVerification } from './api-versions.ts'
import { backoffMs } from './backoff.ts'
import { BrokerConnection } from './broker-connection.ts'
import { brokersUnreachable, isWorthRetrying, topicMissing, topicRefused } from './client-errors.ts'
import type { ClusterAccess, Lane, RequestOptions, RequestTarget } from './cluster-access.ts'
import { ClusterMetadata } from './cluster-metadata.ts'
import type { Connect } from './connection.ts'
import { ConnectionLane, clientClosed, type LaneOptions } from './connection-lane.ts'
import { type BrokerAddress, formatBrokerAddress, type KafkaClientOptions, parseBrokerAddress } from './kafka-client-options.ts'
import { isAuthorizationCode, isRetriableCode, KafkaCode, kafkaErrorName } from './kafka-errors.ts'
import type { RequestType } from './request-type.ts'
import { type BrokerMetadata, Metadata, type TopicMetadata } from './requests/metadata-request.ts'
import { FindCoordinator } from './requests/transaction-requests.ts'

const MIN_REFRESH_INTERVAL_MS = 50

export class KafkaClient implements ClusterAccess {
  readonly logger: Logger
  readonly clock: Clock
  readonly requestTimeoutMs: number
  readonly clientId: string
  readonly random: () => number
  readonly #metadata: ClusterMetadata
  readonly #laneOptions: LaneOptions
  readonly #lanes = new Set<ConnectionLane>()
  readonly #defaultLane: ConnectionLane
  readonly #coordinators = new Map<string, Promise<number>>()
  readonly #topicErrors = new Map<string, number>()
  /** Every topic ever asked about: refreshed together. */
  readonly #wantedTopics = new Set<string>()
  #refreshing: Promise<void> | undefined
  #refreshingTopics: ReadonlySet<string> = new Set()
  #refreshedAt = Number.NEGATIVE_INFINITY
  #stopAging: () => void = () => {}
  #closed = false

  private constructor(addresses: readonly BrokerAddress[], options: KafkaClientOptions, connect: Connect) {
    this.logger = options.logger ?? silentLogger
    this.clock = options.clock ?? systemClock
    this.random = options.random ?? Math.random
    this.clientId = options.clientId ?? 'millrace'
    this.requestTimeoutMs = options.requestTimeoutMs ?? 30_000
    this.#metadata = new ClusterMetadata(addresses)
    this.#laneOptions = {
      connect,
      clock: this.clock,
      chance: this,
      open: {
        clientId: this.clientId,
        connectionTimeoutMs: options.connectionTimeoutMs ?? 10_000,
        logger: this.logger,
        ...(options.ssl === undefined ? {} : { ssl: options.ssl }),
        ...(options.sasl === undefined ? {} : { sasl: options.sasl }),
      },
    }
    this.#defaultLane = this.openLane('default')
  }

  /**
   * Finds the cluster. Rejects with MR_KAFKA_UNREACHABLE, naming every address tried, after `connectTimeoutMs`; at once
   * where trying again can't help: MR_KAFKA_AUTHENTICATION, MR_KAFKA_TLS, MR_KAFKA_VERSION.
   *
   * @param connect how connections are opened
   */
  static async connect(options: KafkaClientOptions, connect: Connect = BrokerConnection.open): Promise<KafkaClient> {
    const addresses = options.brokers.map((text) => {
      const address = parseBrokerAddress(text)
      if (address !== null) return address
      throw new MillraceError('MR_CONFIG_INVALID_VALUE', `"${text}" is not a broker address of the form host:port`)
    })
    if (addresses.length === 0) throw new MillraceError('MR_CONFIG_INVALID_VALUE', 'no Kafka brokers are given')
    const client = new KafkaClient(addresses, options, connect)
    try {
      await client.#findCluster(addresses, options.connectTimeoutMs ?? 15_000)
    } catch (error) {
      client.close()
      throw error
    }
    client.#stopAging = client.clock.every(options.metadataMaxAgeMs ?? 300_000, () => {
      client.refreshMetadata().catch(() => {})
    })
    return client
  }

  get brokers(): readonly BrokerMetadata[] {
    return this.#metadata.brokers
  }

  get clusterId(): string | null {
    return this.#metadata.clusterId
  }

  /** Connections of their own for one use, e.g. requests that wait at the broker. Close it when done. */
  openLane(name: string): ConnectionLane {
    if (this.#closed) throw clientClosed()
    const lane = new ConnectionLane(name, this.#metadata, this.#laneOptions)
    this.#lanes.add(lane)
    return lane
  }

  async request<Input, Output>(
    target: RequestTarget,
    type: RequestType<Input, Output>,
    input: Input,
    options: RequestOptions = {},
  ): Promise<Output> {
    if (this.#closed) throw clientClosed()
    const lane = this.#laneOf(options.lane)
    const timeoutMs = options.timeoutMs ?? this.requestTimeoutMs
    if (typeof target === 'number') return lane.send(target, type, input, timeoutMs)
    if (target === 'any') return this.#requestAny(lane, type, input, timeoutMs)
    const brokerId = target === 'controller' ? this.#metadata.controllerId : await this.coordinator(target)
    if (brokerId < 0) return this.#requestAny(lane, type, input, timeoutMs)
    try {
      return await lane.send(brokerId, type, input, timeoutMs)
    } catch (error) {
      // Whoever it was is gone: the next try must look it up anew.
      this.forgetCoordinator(target)
      if (target === 'controller') this.#refreshInBackground()
      throw error
    }
  }

  leaderOf(topic: string, partition: number): number | undefined {
    return this.#metadata.leaderOf(topic, partition)
  }

  partitionCount(topic: string): number | undefined {
    return this.#metadata.topic(topic)?.partitions.length
  }

  /** Undefined: the topic is not known, or the brokers are too old for ids. Another id is another topic of the same name. */
  topicId(topic: string): string | undefined {
    return this.#metadata.topic(topic)?.topicId ?? undefined
  }

  topicError(topic: string): number {
    return this.#topicErrors.get(topic) ?? 0
  }

  /**
   * A topic with all its partitions. Waits up to `timeoutMs` for it to appear (a topic just created is known to its
   * brokers a moment later) and for a broker that answers; then rejects with MR_KAFKA_TOPIC_MISSING,
   * MR_KAFKA_AUTHORIZATION or MR_KAFKA_UNREACHABLE.
   */
  async topic(name: string, timeoutMs = 5_000): Promise<TopicMetadata> {
    const deadline = this.clock.monotonicMs() + timeoutMs
    for (let attempt = 0; ; attempt++) {
      let reason: Error
      try {
        await this.refreshMetadata([name])
        const topic = this.#metadata.topic(name)
        if (topic !== undefined && topic.errorCode === 0) return topic
        const code = this.topicError(name)
        if (isAuthorizationCode(code) || code === KafkaCode.invalidTopic) throw topicRefused(name, code)
        reason = topicMissing(name, code)
      } catch (thrown) {
        reason = toError(thrown)
        if (!isWorthRetrying(reason)) throw reason
      }
      if (this.clock.monotonicMs() >= deadline) throw reason
      await this.clock.sleep(backoffMs(this, attempt))
    }
  }

  /** The topics that exist, of those named. */
  async existingTopics(names: readonly string[]): Promise<ReadonlyMap<string, TopicMetadata>> {
    const answer = await this.request('any', Metadata, { topics: names })
    return new Map(answer.topics.filter((topic) => topic.errorCode === 0).map((topic) => [topic.name, topic]))
  }

  async refreshMetadata(topics: readonly string[] = []): Promise<void> {
    if (this.#closed) throw clientClosed()
    for (const topic of topics) this.#wantedTopics.add(topic)
    // Shares a request under way if that one asks for these topics too.
    while (this.#refreshing !== undefined) {
      const shared = topics.every((topic) => this.#refreshingTopics.has(topic))
      await this.#refreshing
      if (shared) return
    }
    this.#refreshingTopics = new Set(this.#wantedTopics)
    this.#refreshing = this.#refresh().finally(() => (this.#refreshing = undefined))
    return this.#refreshing
  }

  /** The broker that coordinates a group or a transactional id; looked up once, until somebody says it moved. */
  coordinator(target: { readonly group: string } | { readonly transactionalId: string }): Promise<number> {
    const cacheKey = coordinatorKey(target)
    let known = this.#coordinators.get(cacheKey)
    if (known === undefined) {
      known = this.#findCoordinator(target)
      this.#coordinators.set(cacheKey, known)
      known.catch(() => this.#coordinators.delete(cacheKey))
    }
    return known
  }

  forgetCoordinator(target: RequestTarget): void {
    if (typeof target === 'object') this.#coordinators.delete(coordinatorKey(target))
  }

  /** Whether every broker checks that a transaction is open before it takes records of it (KIP-890, Kafka ≥ 3.6). */
  async supportsTransactionVerification(): Promise<boolean> {
    const versions = await Promise.all(this.#metadata.brokers.map((broker) => this.brokerVersions(broker.id)))
    return versions.every(hasTransactionVerification)
  }

  /** What one broker speaks, and the features the cluster has switched on. */
  async brokerVersions(brokerId: number): Promise<BrokerVersions> {
    const connection = await this.#defaultLane.connection(brokerId)
    return connection.versions
  }

  /** Closes every connection; what still waits is rejected with MR_KAFKA_CLIENT_CLOSED. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#stopAging()
    for (const lane of this.#lanes) lane.close()
    this.#lanes.clear()
  }

  #laneOf(lane: Lane | undefined): ConnectionLane {
    return lane === undefined ? this.#defaultLane : (lane as ConnectionLane)
  }

  async #findCluster(addresses: readonly BrokerAddress[], timeoutMs: number): Promise<void> {
    const deadline = this.clock.monotonicMs() + timeoutMs
    for (let attempt = 0; ; attempt++) {
      // A broker that is just starting answers with no brokers.
      let reason = new Error('the cluster has no brokers yet')
      try {
        await this.refreshMetadata()
        if (this.#metadata.brokers.length > 0) return
      } catch (thrown) {
        reason = toError(thrown)
        if (!isWorthRetrying(reason)) throw reason
      }
      const leftMs = deadline - this.clock.monotonicMs()
      if (leftMs <= 0) throw brokersUnreachable(addresses.map(formatBrokerAddress), timeoutMs, rootOf(reason))
      await this.clock.sleep(Math.min(backoffMs(this, attempt), leftMs))
    }
  }

  async #refresh(): Promise<void> {
    const sinceMs = this.clock.monotonicMs() - this.#refreshedAt
    if (sinceMs < MIN_REFRESH_INTERVAL_MS) await this.clock.sleep(MIN_REFRESH_INTERVAL_MS - sinceMs)
    // Taken here, so that topics wanted during the wait come along.
    this.#refreshingTopics = new Set(this.#wantedTopics)
    const answer = await this.#requestAny(
      this.#defaultLane,
      Metadata,
      { topics: [...this.#refreshingTopics] },
      this.requestTimeoutMs,
    )
    this.#refreshedAt = this.clock.monotonicMs()
    this.#metadata.apply(answer)
    for (const topic of answer.topics) this.#topicErrors.set(topic.name, topic.errorCode)
  }

  #refreshInBackground(): void {
    this.refreshMetadata().catch((error) => this.logger.debug('kafka metadata refresh failed', { error: String(error) }))
  }

  /** Known brokers in a random order, then the addresses of the user. */
  async #requestAny<Input, Output>(
    lane: ConnectionLane,
    type: RequestType<Input, Output>,
    input: Input,
    timeoutMs: number,
  ): Promise<Output> {
    const known = this.#metadata.brokers.map((broker) => broker.id)
    const first = Math.floor(this.random() * known.length)
    const order = [...known.slice(first), ...known.slice(0, first), ...this.#metadata.bootstrapIds]
    let lastError: Error | undefined
    const tried: string[] = []
    for (const brokerId of order) {
      const address = this.#metadata.address(brokerId)
      try {
        return await lane.send(brokerId, type, input, timeoutMs)
      } catch (thrown) {
        lastError = toError(thrown)
        if (!isWorthRetrying(lastError)) throw lastError
        if (address !== undefined) tried.push(formatBrokerAddress(address))
      }
    }
    throw brokersUnreachable([...new Set(tried)], undefined, lastError)
  }

  async #findCoordinator(target: { readonly group: string } | { readonly transactionalId: string }): Promise<number> {
    const isGroup = 'group' in target
    const key = isGroup ? target.group : target.transactionalId
    const answer = await this.request('any', FindCoordinator, { key, kind: isGroup ? 'group' : 'transaction' })
    if (answer.errorCode === 0) {
      if (this.#metadata.address(answer.brokerId) === undefined) await this.refreshMetadata()
      return answer.brokerId
    }
    const name = kafkaErrorName(answer.errorCode)
    const what = isGroup ? `group ${key}` : `transactional id ${key}`
    if (isAuthorizationCode(answer.errorCode)) {
      throw new MillraceError('MR_KAFKA_AUTHORIZATION', `not allowed to use ${what}: Kafka answers ${name}`, {
        details: { key, kafkaError: name },
      })
    }
    const code = isRetriableCode(answer.errorCode) ? 'MR_KAFKA_COORDINATOR_UNAVAILABLE' : 'MR_KAFKA_REQUEST_REFUSED'
    throw new MillraceError(code, `no coordinator for ${what}: Kafka answers ${name}`, {
      details: { key, kafkaError: name, kafkaErrorCode: answer.errorCode },
    })
  }
}

/** What happened at the last broker, without "no broker answers" around it. */
function rootOf(error: Error): Error {
  return error.cause instanceof MillraceError ? error.cause : error
}

function coordinatorKey(target: { readonly group: string } | { readonly transactionalId: string }): string {
  return 'group' in target ? `group:${target.group}` : `transaction:${target.transactionalId}`
}
