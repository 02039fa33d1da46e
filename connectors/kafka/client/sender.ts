/**
 * Sends what appenders seal: pipelined, one request a broker for many partitions, idempotent, in the order of appending
 * per partition, whatever brokers and leaders do meanwhile. partition-queue.ts holds the rules of order, producer-span.ts
 * what belongs together; here are requests, answers, time and bounds.
 *
 * One fatal error fails the whole sender: behind a lost batch nothing may follow.
 */
import { assert } from '../../../src/common/assert.ts'
import { MillraceError, toError } from '../../../src/common/errors.ts'
import type { Compression } from '../codec/compression.ts'
import { type BackoffOptions, backoffMs, DEFAULT_BACKOFF } from './backoff.ts'
import { isWorthRetrying, topicMissing, topicRefused } from './client-errors.ts'
import type { ClusterAccess, Lane } from './cluster-access.ts'
import { isAuthorizationCode, KafkaCode } from './kafka-errors.ts'
import { type AppenderHost, PartitionAppender } from './partition-appender.ts'
import type { QueuedBatch } from './partition-queue.ts'
import { deliveryTimedOut, judgeProduceError, produceError } from './produce-errors.ts'
import type { ProducerIdentity } from './producer.ts'
import { ProducerSpan } from './producer-span.ts'
import { Produce, type ProducedPartition } from './requests/produce-request.ts'
import { addPartitionsToTxn } from './transactions.ts'

export interface SenderOptions {
  readonly compression?: Compression
  /** A batch is sealed at this size, before compression. Must not exceed the topics' max.message.bytes. Default 256 KiB. */
  readonly maxBatchBytes?: number
  /** A request carries batches up to this size, of many partitions; one batch at least. Default 1 MiB. */
  readonly maxRequestBytes?: number
  /** How long an open batch waits for more records while nothing else holds it back. Default 5. */
  readonly lingerMs?: number
  /** Requests on their way to one broker, for one identity. Brokers remember the last 5 batches of a producer. Default 5. */
  readonly maxInFlightPerBroker?: number
  /** Above this `whenDrained` asks for patience. Counts what isn't acknowledged. Default 32 MiB. */
  readonly maxBufferedBytes?: number
  /** From the first record of a batch to its acknowledgement; behind it the sender fails. Default 120,000. */
  readonly deliveryTimeoutMs?: number
  /** Between two tries of a batch. Default 50 ms doubling to 1 s. */
  readonly retryBackoff?: BackoffOptions
  /** Called once, when the sender fails: nobody may be waiting for a promise just then. */
  readonly onFailure?: (error: Error) => void
}

/** Counters, ever growing. */
export interface SenderStats {
  requests: number
  batches: number
  records: number
  bytes: number
  /** Batches sent again. */
  retriedBatches: number
}

interface InFlightRequest {
  readonly broker: number
  readonly span: ProducerSpan
  readonly entries: ReadonlyArray<{ readonly appender: PartitionAppender; readonly batch: QueuedBatch }>
}

const IDENTITY_BATCHES = 5

export class Sender {
  readonly stats: SenderStats = { requests: 0, batches: 0, records: 0, bytes: 0, retriedBatches: 0 }
  readonly #cluster: ClusterAccess
  readonly #lane: Lane
  readonly #maxRequestBytes: number
  readonly #lingerMs: number
  readonly #maxInFlight: number
  readonly #maxBufferedBytes: number
  readonly #deliveryTimeoutMs: number
  readonly #retryBackoff: BackoffOptions
  readonly #onFailure: ((error: Error) => void) | undefined
  readonly #host: AppenderHost
  readonly #appenders = new Map<string, PartitionAppender>()
  /** Those with an open batch or with batches not acknowledged. */
  readonly #active = new Set<PartitionAppender>()
  readonly #openAppenders = new Set<PartitionAppender>()
  readonly #spans = new Set<ProducerSpan>()
  readonly #addingPartitions = new Set<ProducerSpan>()
  /** Requests on their way: by broker, by identity. */
  readonly #inFlight = new Map<number, Map<ProducerIdentity, number>>()
  #span: ProducerSpan | undefined
  #sealedBytes = 0
  #drained: PromiseWithResolvers<void> | undefined
  #flushWanted = false
  #pumpScheduled = false
  #wakeAtMs = Number.POSITIVE_INFINITY
  #wakeTimer: NodeJS.Timeout | undefined
  #deliveryTimer: NodeJS.Timeout
  #refreshing = false
  #failure: Error | undefined

  constructor(cluster: ClusterAccess, options: SenderOptions = {}) {
    this.#cluster = cluster
    this.#lane = cluster.openLane('produce')
    this.#maxRequestBytes = options.maxRequestBytes ?? 1024 * 1024
    this.#lingerMs = options.lingerMs ?? 5
    this.#maxInFlight = options.maxInFlightPerBroker ?? IDENTITY_BATCHES
    this.#maxBufferedBytes = options.maxBufferedBytes ?? 32 * 1024 * 1024
    this.#deliveryTimeoutMs = options.deliveryTimeoutMs ?? 120_000
    this.#retryBackoff = options.retryBackoff ?? DEFAULT_BACKOFF
    this.#onFailure = options.onFailure
    assert(this.#maxInFlight >= 1 && this.#maxInFlight <= IDENTITY_BATCHES, 'brokers remember five batches of a producer')
    this.#host = {
      compression: options.compression ?? 'none',
      maxBatchBytes: options.maxBatchBytes ?? 256 * 1024,
      currentSpan: () => this.#currentSpan(),
      onOpened: (appender) => this.#opened(appender),
      onSealed: (appender, bytes) => this.#sealed(appender, bytes),
    }
    this.#deliveryTimer = setInterval(() => this.#checkDelivery(), Math.min(1_000, this.#deliveryTimeoutMs / 4)).unref()
  }

  /** Why the sender has failed, if it has. Nothing is sent any more then. */
  get failure(): Error | undefined {
    return this.#failure
  }

  /** What is appended and not acknowledged; open batches before their compression. */
  get bufferedBytes(): number {
    let bytes = this.#sealedBytes
    for (const appender of this.#openAppenders) bytes += appender.openBytes
    return bytes
  }

  /** Where to append for a partition; keep it. Appending throws the sender's failure once there is one. */
  builder(topic: string, partition: number): PartitionAppender {
    const key = `${topic}:${partition}`
    let appender = this.#appenders.get(key)
    if (appender === undefined) {
      appender = new PartitionAppender(this.#host, topic, partition)
      this.#appenders.set(key, appender)
    }
    return appender
  }

  /** The topic takes no batch above `bytes`: its max.message.bytes, where that is less than `maxBatchBytes`. */
  limitBatchBytes(topic: string, bytes: number): void {
    for (const appender of this.#appenders.values()) if (appender.topic === topic) appender.limitBatchBytes(bytes)
  }

  /**
   * From now on everything appended belongs to `identity`; what was appended before is sealed now and belongs to the span
   * before, which ends. The same identity may be used again: its output then simply goes on behind.
   */
  use(identity: ProducerIdentity): ProducerSpan {
    if (this.#failure !== undefined) throw this.#failure
    this.#endSpan()
    this.#span = new ProducerSpan(identity)
    this.#spans.add(this.#span)
    identity.whenKnown(() => this.#schedulePump())
    return this.#span
  }

  /** Ends the current span as `use` does; nothing can be appended until the next `use`. */
  end(): void {
    this.#endSpan()
    this.#span = undefined
  }

  /** Null: append on. Otherwise resolves when enough has been acknowledged; rejects when the sender fails. */
  whenDrained(): Promise<void> | null {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.bufferedBytes < this.#maxBufferedBytes) return null
    if (this.#drained === undefined) {
      this.#drained = Promise.withResolvers()
      this.#drained.promise.catch(() => {})
      this.flush() // what is open would hold the bound up for a linger
    }
    return this.#drained.promise
  }

  /** Sends open batches without waiting for more records. */
  flush(): void {
    this.#flushWanted = true
    this.#schedulePump()
  }

  /** Gives everything up that isn't acknowledged. End the span and await `flushed` first for an orderly end. */
  close(): void {
    clearInterval(this.#deliveryTimer)
    clearTimeout(this.#wakeTimer)
    const error = new MillraceError('MR_KAFKA_CLIENT_CLOSED', 'the sender has been closed')
    this.#failure ??= error
    this.#rejectAll(this.#failure)
    this.#lane.close()
  }

  #currentSpan(): ProducerSpan {
    if (this.#failure !== undefined) throw this.#failure
    assert(this.#span !== undefined, 'records are appended behind a call of use()')
    return this.#span
  }

  #endSpan(): void {
    if (this.#span === undefined) return
    for (const appender of [...this.#openAppenders]) appender.seal()
    this.#span.end()
    this.#forgetSettled(this.#span)
    this.#schedulePump()
  }

  #opened(appender: PartitionAppender): void {
    this.#active.add(appender)
    this.#openAppenders.add(appender)
    if (this.#span?.hasPartitionsToAdd) this.#schedulePump()
    this.#wakeBy((appender.openedAtMs ?? performance.now()) + this.#lingerMs)
  }

  #sealed(appender: PartitionAppender, bytes: number): void {
    this.#openAppenders.delete(appender)
    this.#sealedBytes += bytes
    this.#schedulePump()
  }

  /** In a microtask: a burst of sealed batches makes one pass. */
  #schedulePump(): void {
    if (this.#pumpScheduled || this.#failure !== undefined) return
    this.#pumpScheduled = true
    queueMicrotask(() => {
      this.#pumpScheduled = false
      if (this.#failure !== undefined) return
      try {
        this.#pump()
      } catch (error) {
        this.#fail(toError(error))
      }
    })
  }

  #wakeBy(atMs: number): void {
    if (atMs >= this.#wakeAtMs) return
    this.#wakeAtMs = atMs
    clearTimeout(this.#wakeTimer)
    this.#wakeTimer = setTimeout(
      () => {
        this.#wakeAtMs = Number.POSITIVE_INFINITY
        this.#schedulePump()
      },
      Math.max(1, Math.ceil(atMs - performance.now())),
    )
  }

  /** Sends whatever may be sent now. */
  #pump(): void {
    for (const span of this.#spans) {
      if (span.hasPartitionsToAdd && span.identity.isKnown) this.#addPartitions(span)
    }
    const nowMs = performance.now()
    const flushAll = this.#flushWanted
    this.#flushWanted = false
    while (this.#sendOnce(nowMs, flushAll)) {}
    // An open batch that could not be sent keeps growing; flushing it stays wanted.
    if (flushAll && this.#openAppenders.size > 0) this.#flushWanted = true
  }

  /** One request at most for each broker and identity; true if there was any. */
  #sendOnce(nowMs: number, flushAll: boolean): boolean {
    const requests = new Map<number, Map<ProducerIdentity, Array<{ appender: PartitionAppender; batch: QueuedBatch }>>>()
    const bytesOf = new Map<unknown, number>()
    let leaderless = false
    for (const appender of this.#active) {
      const { queue } = appender
      const share = queue.unsentCount > 0 ? undefined : appender.openShare
      if (queue.unsentCount === 0 && !this.#isRipe(appender, nowMs, flushAll)) continue
      const broker = this.#cluster.leaderOf(appender.topic, appender.partition)
      if (broker === undefined) {
        leaderless = true
        continue
      }
      if (queue.notBeforeMs > nowMs) this.#wakeBy(queue.notBeforeMs)
      // An open batch is sealed only in the moment it can go: until then it may grow.
      if (share !== undefined) {
        if (!queue.admits(share, broker, nowMs, this.#maxInFlight) || this.#isBusy(broker, share.span.identity)) continue
        appender.seal()
      }
      const batch = queue.next(broker, nowMs, this.#maxInFlight)
      if (batch === undefined || this.#isBusy(broker, batch.share.span.identity)) continue
      const { identity } = batch.share.span
      const byIdentity = getOrMake(requests, broker, () => new Map())
      const entries = getOrMake(byIdentity, identity, () => [])
      const bytes = (bytesOf.get(entries) ?? 0) + batch.sealed.buffer.length
      if (entries.length > 0 && bytes > this.#maxRequestBytes) continue
      bytesOf.set(entries, bytes)
      entries.push({ appender, batch })
    }
    if (leaderless) this.#refreshMetadata()
    for (const [broker, byIdentity] of requests) {
      for (const entries of byIdentity.values()) this.#send(broker, entries)
    }
    return requests.size > 0
  }

  #isRipe(appender: PartitionAppender, nowMs: number, flushAll: boolean): boolean {
    const openedAtMs = appender.openedAtMs
    if (openedAtMs === undefined) return false
    const ripeAtMs = openedAtMs + this.#lingerMs
    if (flushAll || ripeAtMs <= nowMs) return true
    this.#wakeBy(ripeAtMs)
    return false
  }

  #isBusy(broker: number, identity: ProducerIdentity): boolean {
    return (this.#inFlight.get(broker)?.get(identity) ?? 0) >= this.#maxInFlight
  }

  #send(broker: number, entries: ReadonlyArray<{ appender: PartitionAppender; batch: QueuedBatch }>): void {
    const first = entries[0]
    assert(first !== undefined, 'a request carries a batch')
    const request: InFlightRequest = { broker, span: first.batch.share.span, entries }
    const { identity } = request.span
    for (const { appender, batch } of entries) {
      if (batch.baseSequence >= 0) this.stats.retriedBatches++
      appender.queue.send(batch, broker)
      this.stats.batches++
      this.stats.bytes += batch.sealed.buffer.length
    }
    this.stats.requests++
    this.#countInFlight(broker, identity, 1)
    const timeoutMs = this.#cluster.requestTimeoutMs
    const input = {
      transactionalId: identity.transactionalId,
      // The leader shall give up on its followers before we give up on the leader.
      timeoutMs: Math.max(1, Math.floor(timeoutMs * 0.7)),
      batches: entries.map(({ batch }) => ({
        topic: batch.share.topic,
        partition: batch.share.partition,
        records: batch.sealed.buffer,
      })),
    }
    this.#cluster.request(broker, Produce, input, { lane: this.#lane, timeoutMs }).then(
      (results) => this.#settled(request, () => this.#answered(request, results)),
      (error) => this.#settled(request, () => this.#lost(request, toError(error))),
    )
  }

  #settled(request: InFlightRequest, handle: () => void): void {
    this.#countInFlight(request.broker, request.span.identity, -1)
    if (this.#failure !== undefined) return
    try {
      handle()
      this.#releaseDrained()
      this.#schedulePump()
    } catch (error) {
      this.#fail(toError(error))
    }
  }

  #answered(request: InFlightRequest, results: readonly ProducedPartition[]): void {
    const byPartition = new Map(results.map((result) => [`${result.topic}:${result.partition}`, result]))
    for (const { appender, batch } of request.entries) {
      const result = byPartition.get(`${appender.topic}:${appender.partition}`)
      if (result === undefined) {
        throw new MillraceError('MR_KAFKA_PROTOCOL', `the answer to Produce misses ${appender.topic}-${appender.partition}`)
      }
      switch (judgeProduceError(result.errorCode, appender.queue.hasEarlier(batch))) {
        case 'written':
          this.#acknowledged(appender, batch, result.baseOffset)
          break
        case 'retry':
          this.#retry(appender, batch, produceError(result.errorCode, result.message, batch))
          break
        case 'fatal':
          throw produceError(result.errorCode, result.message, batch)
      }
    }
  }

  #acknowledged(appender: PartitionAppender, batch: QueuedBatch, baseOffset: number): void {
    const { recordCount, buffer } = batch.sealed
    appender.queue.acknowledged(batch)
    this.#sealedBytes -= buffer.length
    this.stats.records += recordCount
    if (appender.queue.isEmpty && appender.openedAtMs === undefined) this.#active.delete(appender)
    const { span } = batch.share
    span.batchAcknowledged(batch.share, baseOffset, recordCount)
    this.#forgetSettled(span)
  }

  /** No answer: the batches may be written or not. Sending them again with their sequences settles it. */
  #lost(request: InFlightRequest, error: Error): void {
    if (!isWorthRetrying(error)) throw error
    this.#cluster.logger.debug('kafka produce request lost', { broker: request.broker, error: error.message })
    for (const { appender, batch } of request.entries) this.#retry(appender, batch, error)
  }

  #retry(appender: PartitionAppender, batch: QueuedBatch, error: Error): void {
    const { queue } = appender
    queue.failed(batch, error, performance.now() + backoffMs(queue.failures, this.#retryBackoff))
    this.#wakeBy(queue.notBeforeMs)
    this.#cluster.logger.debug('kafka batch is sent again', {
      topic: appender.topic,
      partition: appender.partition,
      error: error.message,
    })
    this.#refreshMetadata()
  }

  #addPartitions(span: ProducerSpan): void {
    const { identity } = span
    const { transactionalId } = identity
    if (transactionalId === null || this.#addingPartitions.has(span)) return
    this.#addingPartitions.add(span)
    const shares = span.takePartitionsToAdd()
    const { producerId, producerEpoch } = identity
    addPartitionsToTxn(
      this.#cluster,
      { transactionalId, producerId, producerEpoch },
      shares.map(({ topic, partition }) => ({ topic, partition })),
      this.#deliveryTimeoutMs,
    ).then(
      () => {
        this.#addingPartitions.delete(span)
        for (const share of shares) share.isInTransaction = true
        this.#schedulePump()
      },
      (error) => this.#fail(toError(error)),
    )
  }

  /** Shared, and again after a pause as long as it is needed: each pump that misses a leader asks. */
  #refreshMetadata(): void {
    if (this.#refreshing) return
    this.#refreshing = true
    const topics = [...new Set([...this.#active].map((appender) => appender.topic))]
    this.#cluster
      .refreshMetadata(topics)
      .then(
        () => this.#noteTopicErrors(topics),
        (error) => {
          if (!isWorthRetrying(error)) this.#fail(toError(error))
        },
      )
      .finally(() => {
        this.#refreshing = false
        this.#wakeBy(performance.now() + this.#retryBackoff.firstMs)
      })
  }

  #noteTopicErrors(topics: readonly string[]): void {
    for (const topic of topics) {
      const code = this.#cluster.topicError(topic)
      if (isAuthorizationCode(code) || code === KafkaCode.invalidTopic) this.#fail(topicRefused(topic, code))
    }
  }

  #checkDelivery(): void {
    if (this.#failure !== undefined) return
    const nowMs = performance.now()
    for (const { queue, openedAtMs, topic } of this.#active) {
      const { oldest } = queue
      const sinceMs = nowMs - (oldest?.createdAtMs ?? openedAtMs ?? nowMs)
      if (sinceMs < this.#deliveryTimeoutMs) continue
      const code = this.#cluster.topicError(topic)
      if (code !== 0) this.#fail(topicMissing(topic, code))
      else if (oldest !== undefined) this.#fail(deliveryTimedOut(oldest, sinceMs, queue.lastError))
      else this.#openTimedOut(queue.topic, queue.partition, sinceMs)
      return
    }
  }

  #openTimedOut(topic: string, partition: number, sinceMs: number): void {
    const message = `records for ${topic}-${partition} are not written after ${Math.round(sinceMs)} ms`
    this.#fail(new MillraceError('MR_KAFKA_DELIVERY_TIMEOUT', message, { details: { topic, partition } }))
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    clearInterval(this.#deliveryTimer)
    clearTimeout(this.#wakeTimer)
    this.#rejectAll(error)
    this.#onFailure?.(error)
  }

  #rejectAll(error: Error): void {
    for (const span of this.#spans) span.fail(error)
    this.#spans.clear()
    this.#drained?.reject(error)
    this.#drained = undefined
  }

  #releaseDrained(): void {
    // A little room before anyone goes on, or every acknowledged batch would wake the appender for one batch.
    if (this.#drained === undefined || this.bufferedBytes > this.#maxBufferedBytes * 0.75) return
    this.#drained.resolve()
    this.#drained = undefined
  }

  #forgetSettled(span: ProducerSpan): void {
    if (span.hasEnded && span.pendingBatches === 0) this.#spans.delete(span)
  }

  #countInFlight(broker: number, identity: ProducerIdentity, change: number): void {
    const byIdentity = getOrMake(this.#inFlight, broker, () => new Map<ProducerIdentity, number>())
    const count = (byIdentity.get(identity) ?? 0) + change
    if (count === 0) byIdentity.delete(identity)
    else byIdentity.set(identity, count)
  }
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) {
    value = make()
    map.set(key, value)
  }
  return value
}
