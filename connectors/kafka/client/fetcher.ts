/**
 * Reads partitions ahead of the reader, within a byte budget. One fetch is on its way to each broker, and the next is
 * sent the moment the last one's answer is there, before any of it has been read. Brokers that restart, leaders that
 * move and connections that break are ridden out for ever, with warnings; what can't be mended by waiting fails the fetcher.
 *
 * The hot path is `poll`: synchronous, one batch a call, decoded in that call. fetch-partition.ts holds what is buffered.
 */
import { isMillraceError, MillraceError, toError } from '../../../src/common/errors.ts'
import { listOffsets } from './admin.ts'
import { backoffMs } from './backoff.ts'
import { isWorthRetrying } from './client-errors.ts'
import type { ClusterAccess, Lane } from './cluster-access.ts'
import { fetchError, judgeFetchError, offsetOutOfRange } from './fetch-errors.ts'
import { FetchPartition } from './fetch-partition.ts'
import { type FetchDraft, planFetches } from './fetch-plan.ts'
import type { FetchedBatch } from './fetched-batch.ts'
import { FETCHER_DEFAULTS, type FetcherOptions, type FetcherStats } from './fetcher-options.ts'
import { KafkaCode, kafkaErrorName } from './kafka-errors.ts'
import { LeaderSearch } from './leader-search.ts'
import { Fetch, type FetchAnswer, type FetchedPartition } from './requests/fetch-request.ts'
import type { TopicPartition } from './requests/offset-requests.ts'

export type { FetchedBatch } from './fetched-batch.ts'
export type { FetcherOptions, FetcherStats } from './fetcher-options.ts'

export interface StartOffset extends TopicPartition {
  readonly offset: number
}

/** While a partition is left out because its buffer is full, the others must not wait long for nothing. */
const PARTIAL_WAIT_MS = 20
const WARN_INTERVAL_MS = 10_000
const MAX_CORRUPT_TRIES = 3
const MAX_OUT_OF_RANGE_TRIES = 3

export class Fetcher {
  readonly stats: FetcherStats = { fetches: 0, bytes: 0, retries: 0 }
  readonly #cluster: ClusterAccess
  readonly #options: Required<FetcherOptions>
  readonly #readCommitted: boolean
  readonly #lane: Lane
  readonly #leaders: LeaderSearch
  /** In the order of fetching: who was served last stands last. */
  #partitions: FetchPartition[] = []
  readonly #byKey = new Map<string, FetchPartition>()
  /** Where the next `poll` begins to look: fairness. */
  #cursor = 0
  #bufferedBytes = 0
  /** Asked for and on its way. */
  #reservedBytes = 0
  /** Half the budget shared among the brokers, so that all can have a fetch on its way while as much is being read. */
  #maxBytesPerFetch: number
  /** Brokers with a fetch on its way, or that are left alone for a moment. */
  readonly #busyBrokers = new Set<number>()
  readonly #failuresOfBroker = new Map<number, number>()
  /** Something is not asked for because of the budget or a full partition. */
  #isHeldBack = false
  #available: PromiseWithResolvers<void> | undefined
  #warnedAtMs = Number.NEGATIVE_INFINITY
  #failure: Error | undefined

  constructor(cluster: ClusterAccess, options: FetcherOptions) {
    this.#cluster = cluster
    this.#options = { ...FETCHER_DEFAULTS, ...options }
    this.#readCommitted = options.isolation === 'read_committed'
    this.#maxBytesPerFetch = Math.max(1, Math.floor(this.#options.budgetBytes() / 2))
    this.#lane = cluster.openLane('fetch')
    this.#leaders = new LeaderSearch(
      cluster,
      {
        partitions: () => this.#partitions,
        onNews: () => {
          this.#noteMissingPartitions()
          this.#sendFetches()
        },
        onDelay: (error) => this.#warn('kafka cluster cannot be reached, trying again', { error: error.message }),
        onError: (error) => this.#fail(error),
      },
      this.#options.retryBackoff,
    )
  }

  get failure(): Error | undefined {
    return this.#failure
  }

  /** Fetched and not read yet. */
  get bufferedBytes(): number {
    return this.#bufferedBytes
  }

  /**
   * What is to be read, from which offsets; replaces what was assigned before. A partition that stays at its very
   * position keeps what is buffered of it.
   */
  assign(starts: readonly StartOffset[]): void {
    this.#throwIfOver()
    const before = new Map(this.#byKey)
    this.#byKey.clear()
    this.#partitions = starts.map(({ topic, partition, offset }) => {
      const key = keyOf(topic, partition)
      const kept = before.get(key)
      const keeps = kept !== undefined && kept.position === offset && !kept.isSuspended
      const next = keeps ? kept : new FetchPartition(topic, partition, offset, this.#readCommitted)
      if (keeps) before.delete(key)
      this.#byKey.set(key, next)
      return next
    })
    for (const dropped of before.values()) dropped.isAssigned = false
    this.#bufferedBytes = this.#partitions.reduce((sum, partition) => sum + partition.bufferedBytes, 0)
    this.#cursor = 0
    this.#sendFetches()
  }

  /** The next batch of any partition in turn; undefined: nothing is there yet. Throws the failure once there is one. */
  poll(): FetchedBatch | undefined {
    this.#throwIfOver()
    const count = this.#partitions.length
    for (let tried = 0; tried < count; tried++) {
      if (this.#cursor >= count) this.#cursor = 0
      const partition = this.#partitions[this.#cursor++] as FetchPartition
      if (partition.isPaused || !partition.hasBuffered) continue
      const batch = this.#read(partition)
      if (batch !== undefined) return batch
    }
    return undefined
  }

  /** Resolves when `poll` has something, rejects when the fetcher fails or is closed. */
  whenAvailable(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#partitions.some((partition) => partition.hasBuffered && !partition.isPaused)) return Promise.resolve()
    if (this.#available === undefined) {
      this.#available = Promise.withResolvers()
      this.#available.promise.catch(() => {})
    }
    return this.#available.promise
  }

  /** `poll` leaves the partition out. A little of it is fetched all the same, to be there when it goes on. */
  pause(topic: string, partition: number): void {
    const paused = this.#byKey.get(keyOf(topic, partition))
    if (paused !== undefined) paused.isPaused = true
  }

  resume(topic: string, partition: number): void {
    const resumed = this.#byKey.get(keyOf(topic, partition))
    if (resumed === undefined || !resumed.isPaused) return
    resumed.isPaused = false
    resumed.isEvicted = false
    if (resumed.hasBuffered) this.#announce()
    this.#sendFetches()
  }

  /** Where the reader stands. */
  position(topic: string, partition: number): number | undefined {
    return this.#byKey.get(keyOf(topic, partition))?.position
  }

  /**
   * Offsets between the reader and the end of what it may see, by the last answer; undefined before the first one. Not a
   * count of records: markers, aborted records and what compaction removed are among them.
   */
  lag(topic: string, partition: number): number | undefined {
    const known = this.#byKey.get(keyOf(topic, partition))
    if (known === undefined || known.highWatermark < 0) return undefined
    return Math.max(0, (this.#readCommitted ? known.lastStableOffset : known.highWatermark) - known.position)
  }

  close(): void {
    this.#fail(new MillraceError('MR_KAFKA_CLIENT_CLOSED', 'the fetcher has been closed'))
    this.#lane.close()
  }

  #read(partition: FetchPartition): FetchedBatch | undefined {
    const before = partition.bufferedBytes
    const freeBefore = this.#freeBytes()
    try {
      return partition.next()
    } catch (error) {
      if (!isMillraceError(error, 'MR_KAFKA_CORRUPT_BATCH') || partition.countCorruption() >= MAX_CORRUPT_TRIES) {
        this.#fail(toError(error))
        throw error
      }
      this.#warn('kafka batch is damaged, fetching it again', { error: error.message })
      partition.discard()
      return undefined
    } finally {
      this.#bufferedBytes -= before - partition.bufferedBytes
      if (this.#isHeldBack) {
        const hasRoom =
          before > this.#options.maxBytesPerPartition && partition.bufferedBytes <= this.#options.maxBytesPerPartition
        const hasBudget = freeBefore < this.#maxBytesPerFetch && this.#freeBytes() >= this.#maxBytesPerFetch
        if (hasRoom || hasBudget || partition.bufferedBytes === 0) this.#sendFetches()
      }
    }
  }

  #freeBytes(): number {
    return this.#options.budgetBytes() - this.#bufferedBytes - this.#reservedBytes
  }

  /** Sends a fetch to every broker that has none and leads something to be fetched. */
  #sendFetches(): void {
    if (this.#failure !== undefined) return
    const plan = planFetches(
      this.#partitions,
      (topic, partition) => this.#cluster.leaderOf(topic, partition),
      (broker) => this.#busyBrokers.has(broker),
      this.#options.maxBytesPerPartition,
    )
    this.#isHeldBack = plan.isHeldBack
    const brokers = Math.max(1, this.#busyBrokers.size + plan.drafts.length)
    this.#maxBytesPerFetch = Math.max(1, Math.floor(this.#options.budgetBytes() / (2 * brokers)))
    for (const draft of plan.drafts) {
      if (this.#freeBytes() < this.#maxBytesPerFetch && !this.#makeRoom()) {
        this.#isHeldBack = true
        break
      }
      this.#send(draft)
    }
    if (plan.isLeaderless) this.#leaders.start()
  }

  /** Gives up what is buffered of paused partitions: they must not keep the others from being read. */
  #makeRoom(): boolean {
    for (const partition of this.#partitions) {
      if (!partition.isPaused || !partition.hasBuffered) continue
      this.#bufferedBytes -= partition.bufferedBytes
      partition.discard()
      partition.isEvicted = true
    }
    return this.#freeBytes() >= this.#maxBytesPerFetch
  }

  #send({ broker, partitions, isPartial }: FetchDraft): void {
    const { maxWaitMs: longWaitMs, minBytes, maxBytesPerPartition } = this.#options
    const maxWaitMs = isPartial ? Math.min(PARTIAL_WAIT_MS, longWaitMs) : longWaitMs
    const maxBytes = this.#maxBytesPerFetch
    const targets = partitions.map(({ topic, partition, fetchOffset }) => ({
      topic,
      partition,
      offset: fetchOffset,
      maxBytes: maxBytesPerPartition,
    }))
    const offsets = new Map(partitions.map((partition) => [partition, partition.fetchOffset]))
    this.#busyBrokers.add(broker)
    this.#reservedBytes += maxBytes
    this.stats.fetches++
    this.#cluster
      .request(
        broker,
        Fetch,
        { readCommitted: this.#readCommitted, maxWaitMs, minBytes, maxBytes, targets },
        { lane: this.#lane, timeoutMs: maxWaitMs + this.#cluster.requestTimeoutMs },
      )
      .then((answer) => this.#answered(broker, answer, offsets))
      .catch((error) => this.#lost(broker, toError(error)))
      .finally(() => {
        this.#reservedBytes -= maxBytes
        if (!this.#failuresOfBroker.has(broker)) this.#busyBrokers.delete(broker)
        this.#sendFetches()
      })
  }

  #answered(broker: number, answer: FetchAnswer, offsets: ReadonlyMap<FetchPartition, number>): void {
    if (this.#failure !== undefined) return
    if (answer.errorCode !== 0) {
      throw new MillraceError(
        'MR_KAFKA_UNREACHABLE',
        `broker ${broker} answers a fetch with ${kafkaErrorName(answer.errorCode)}`,
      )
    }
    let isAvailable = false
    const served: FetchPartition[] = []
    for (const fetched of answer.partitions) {
      const partition = this.#byKey.get(keyOf(fetched.topic, fetched.partition))
      // Assigned anew, or given up meanwhile: the answer is for another position.
      if (partition === undefined || partition.fetchOffset !== offsets.get(partition)) continue
      if (fetched.errorCode !== 0) {
        this.#refused(partition, fetched)
        continue
      }
      partition.recovered()
      const before = partition.bufferedBytes
      if (!partition.accept(fetched)) continue
      this.#bufferedBytes += partition.bufferedBytes - before
      this.stats.bytes += fetched.records.length
      served.push(partition)
      if (!partition.isPaused) isAvailable = true
    }
    if (served.length > 0) this.#moveBehind(served)
    if (isAvailable) this.#announce()
    this.#failuresOfBroker.delete(broker)
  }

  /**
   * Brokers fill an answer in the order of the request, and give a batch larger than the limits only to the first
   * partition: who was served stands behind those who were not.
   */
  #moveBehind(served: readonly FetchPartition[]): void {
    if (served.length === this.#partitions.length) return
    const isServed = new Set(served)
    this.#partitions = [...this.#partitions.filter((partition) => !isServed.has(partition)), ...served]
  }

  #refused(partition: FetchPartition, { errorCode }: FetchedPartition): void {
    const { topic } = partition
    this.stats.retries++
    switch (judgeFetchError(errorCode)) {
      case 'fatal':
        throw fetchError(errorCode, topic, partition.partition)
      case 'out-of-range':
        partition.isSuspended = true
        this.#checkRange(partition).catch((error) => this.#fail(toError(error)))
        return
      case 'missing':
        this.#noteMissing(partition)
        break
      case 'refetch':
        this.#warn('kafka partition cannot be read at the moment', {
          error: fetchError(errorCode, topic, partition.partition).message,
        })
    }
    this.#suspend(partition)
    this.#leaders.start()
  }

  /** Leaves this one partition alone for a moment; the others of the broker go on. */
  #suspend(partition: FetchPartition): void {
    partition.isSuspended = true
    this.#cluster.clock.schedule(backoffMs(this.#cluster, partition.failures++, this.#options.retryBackoff), () => {
      partition.isSuspended = false
      this.#sendFetches()
    })
  }

  #noteMissing(partition: FetchPartition): void {
    const nowMs = this.#cluster.clock.monotonicMs()
    partition.missingSinceMs ??= nowMs
    if (nowMs - partition.missingSinceMs >= this.#options.missingTimeoutMs) {
      throw fetchError(KafkaCode.unknownTopicOrPartition, partition.topic, partition.partition)
    }
  }

  /** Never a reset: either the leader was mistaken for a moment, or the position is lost. */
  async #checkRange(partition: FetchPartition): Promise<void> {
    const asked = partition.fetchOffset
    const [earliest, latest] = await Promise.all([
      listOffsets(this.#cluster, [partition], 'earliest'),
      listOffsets(this.#cluster, [partition], 'latest'),
    ])
    if (!partition.isAssigned) return
    const first = earliest[0]?.offset ?? -1
    const end = latest[0]?.offset ?? -1
    const isInRange = asked >= first && asked <= end
    if (!isInRange || ++partition.outOfRangeCount > MAX_OUT_OF_RANGE_TRIES) {
      throw offsetOutOfRange(partition.topic, partition.partition, asked, first, end)
    }
    await this.#cluster.clock.sleep(backoffMs(this.#cluster, partition.outOfRangeCount, this.#options.retryBackoff))
    partition.isSuspended = false
    this.#sendFetches()
  }

  /** The connection or the broker failed: wait a moment, look who leads now, go on. */
  #lost(broker: number, error: Error): void {
    if (this.#failure !== undefined) return
    if (!isWorthRetrying(error)) {
      this.#fail(error)
      return
    }
    this.stats.retries++
    this.#warn('kafka broker cannot be read from, trying again', { broker, error: error.message })
    this.#pauseBroker(broker)
    this.#leaders.start()
  }

  #pauseBroker(broker: number): void {
    const failures = this.#failuresOfBroker.get(broker) ?? 0
    this.#failuresOfBroker.set(broker, failures + 1)
    this.#cluster.clock.schedule(backoffMs(this.#cluster, failures, this.#options.retryBackoff), () => {
      this.#busyBrokers.delete(broker)
      this.#sendFetches()
    })
  }

  #noteMissingPartitions(): void {
    for (const partition of this.#partitions) {
      const code = this.#cluster.topicError(partition.topic)
      const count = this.#cluster.partitionCount(partition.topic)
      const isMissing = code === KafkaCode.unknownTopicOrPartition || (count !== undefined && partition.partition >= count)
      if (isMissing) this.#noteMissing(partition)
    }
  }

  #announce(): void {
    this.#available?.resolve()
    this.#available = undefined
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#leaders.stop()
    for (const partition of this.#partitions) partition.isAssigned = false
    this.#available?.reject(error)
    this.#available = undefined
  }

  #throwIfOver(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  /** At most every ten seconds: a broker that is down for long must not fill the log. */
  #warn(event: string, fields: Readonly<Record<string, unknown>>): void {
    const nowMs = this.#cluster.clock.monotonicMs()
    if (nowMs - this.#warnedAtMs < WARN_INTERVAL_MS) return
    this.#warnedAtMs = nowMs
    this.#cluster.logger.warn(event, { ...fields, retries: this.stats.retries })
  }
}

function keyOf(topic: string, partition: number): string {
  return `${topic}:${partition}`
}
