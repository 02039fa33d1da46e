/**
 * Sends what appenders seal: pipelined, one request a broker for many partitions, idempotent, in the order of appending
 * per partition, whatever brokers and leaders do meanwhile. partition-queue.ts holds the rules of order, produce-plan.ts
 * what goes together, producer-span.ts what belongs together; here are requests, answers, time and bounds.
 *
 * One fatal error fails the whole sender: behind a lost batch nothing may follow.
 */
import { assert } from '../../../src/common/assert.ts'
import { MillraceError, toError } from '../../../src/common/errors.ts'
import { backoffMs } from './backoff.ts'
import { isWorthRetrying, topicMissing } from './client-errors.ts'
import type { ClusterAccess, Lane } from './cluster-access.ts'
import { InFlightCounts } from './in-flight-counts.ts'
import { LeaderSearch } from './leader-search.ts'
import { type AppenderHost, PartitionAppender } from './partition-appender.ts'
import type { QueuedBatch } from './partition-queue.ts'
import { deliveryTimedOut, judgeProduceError, produceError } from './produce-errors.ts'
import { type ProduceDraft, planProduce } from './produce-plan.ts'
import type { ProducerIdentity } from './producer.ts'
import { ProducerSpan } from './producer-span.ts'
import { Produce, type ProducedPartition } from './requests/produce-request.ts'
import { SENDER_DEFAULTS, type SenderOptions, type SenderStats } from './sender-options.ts'
import { addPartitionsToTxn } from './transactions.ts'

export type { SenderOptions, SenderStats } from './sender-options.ts'

export class Sender {
  readonly stats: SenderStats = { requests: 0, batches: 0, records: 0, bytes: 0, retriedBatches: 0 }
  readonly #cluster: ClusterAccess
  readonly #options: Required<SenderOptions>
  readonly #lane: Lane
  readonly #host: AppenderHost
  readonly #leaders: LeaderSearch
  readonly #appenders = new Map<string, PartitionAppender>()
  readonly #topicLimits = new Map<string, number>()
  /** Those with something appended that isn't acknowledged; who was served last stands last. */
  readonly #active = new Set<PartitionAppender>()
  readonly #open = new Set<PartitionAppender>()
  readonly #inFlight = new InFlightCounts()
  readonly #spans = new Set<ProducerSpan>()
  /** With a request on its way that makes partitions part of their transaction. */
  readonly #enlisting = new Set<ProducerSpan>()
  readonly #stopChecking: () => void
  #span: ProducerSpan | undefined
  /** Of the batches not acknowledged. */
  #sealedBytes = 0
  #drained: PromiseWithResolvers<void> | undefined
  #isFlushing = false
  #isPumpScheduled = false
  #wakeAtMs = Number.POSITIVE_INFINITY
  #cancelWake: () => void = () => {}
  #failure: Error | undefined

  constructor(cluster: ClusterAccess, options: SenderOptions = {}) {
    this.#cluster = cluster
    this.#options = { ...SENDER_DEFAULTS, ...options }
    const { maxInFlightPerBroker, deliveryTimeoutMs, retryBackoff } = this.#options
    assert(maxInFlightPerBroker >= 1 && maxInFlightPerBroker <= 5, 'brokers know the last five batches of a producer')
    this.#lane = cluster.openLane('produce')
    this.#host = {
      compression: this.#options.compression,
      clock: cluster.clock,
      currentSpan: () => this.#currentSpan(),
      onOpened: (appender) => this.#opened(appender),
      onSealed: (appender, bytes) => this.#sealed(appender, bytes),
    }
    this.#leaders = new LeaderSearch(
      cluster,
      {
        partitions: () => this.#active,
        onNews: () => this.#schedulePump(),
        onDelay: (error) => cluster.logger.debug('kafka cluster cannot be asked for leaders', { error: error.message }),
        onError: (error) => this.#fail(error),
      },
      retryBackoff,
    )
    this.#stopChecking = cluster.clock.every(Math.min(1_000, deliveryTimeoutMs / 4), () => this.#checkDelivery())
  }

  /** Why the sender has failed, if it has. Nothing is sent any more then. */
  get failure(): Error | undefined {
    return this.#failure
  }

  /** What is appended and not acknowledged; open batches before their compression. */
  get bufferedBytes(): number {
    let bytes = this.#sealedBytes
    for (const appender of this.#open) bytes += appender.openBytes
    return bytes
  }

  /** Where to append for a partition; keep it. Appending throws the sender's failure once there is one. */
  builder(topic: string, partition: number): PartitionAppender {
    const key = `${topic}:${partition}`
    let appender = this.#appenders.get(key)
    if (appender === undefined) {
      const limit = this.#topicLimits.get(topic) ?? Number.POSITIVE_INFINITY
      appender = new PartitionAppender(this.#host, topic, partition, Math.min(this.#options.maxBatchBytes, limit))
      this.#appenders.set(key, appender)
    }
    return appender
  }

  /** Batches of the topic are sealed at this size, where it is below `maxBatchBytes`: for a low max.message.bytes. */
  limitBatchBytes(topic: string, bytes: number): void {
    this.#topicLimits.set(topic, bytes)
    for (const appender of this.#appenders.values()) {
      if (appender.topic === topic) appender.maxBatchBytes = Math.min(this.#options.maxBatchBytes, bytes)
    }
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
    if (this.bufferedBytes < this.#options.maxBufferedBytes) return null
    if (this.#drained === undefined) {
      this.#drained = Promise.withResolvers()
      this.#drained.promise.catch(() => {})
      this.flush() // what is open must not wait for a linger now
    }
    return this.#drained.promise
  }

  /** Sends open batches without waiting for more records. */
  flush(): void {
    this.#isFlushing = true
    this.#schedulePump()
  }

  /** Gives everything up that isn't acknowledged. For an orderly end call `end` and await `flushed` first. */
  close(): void {
    this.#stop(new MillraceError('MR_KAFKA_CLIENT_CLOSED', 'the sender has been closed'))
    this.#lane.close()
  }

  #currentSpan(): ProducerSpan {
    if (this.#failure !== undefined) throw this.#failure
    assert(this.#span !== undefined, 'records are appended behind a call of use()')
    return this.#span
  }

  #endSpan(): void {
    if (this.#span === undefined) return
    for (const appender of [...this.#open]) appender.seal()
    this.#span.end()
    this.#forgetSettled(this.#span)
    this.#schedulePump()
  }

  #opened(appender: PartitionAppender): void {
    this.#active.add(appender)
    this.#open.add(appender)
    if (this.#options.lingerMs === 0 || this.#span?.hasPartitionsToAdd) this.#schedulePump()
    else this.#wakeBy((appender.openedAtMs ?? 0) + this.#options.lingerMs)
  }

  #sealed(appender: PartitionAppender, bytes: number): void {
    this.#open.delete(appender)
    this.#sealedBytes += bytes
    this.#schedulePump()
  }

  /** In a microtask: a burst of sealed batches makes one pass. */
  #schedulePump(): void {
    if (this.#isPumpScheduled || this.#failure !== undefined) return
    this.#isPumpScheduled = true
    queueMicrotask(() => {
      this.#isPumpScheduled = false
      this.#guard(() => this.#pump())
    })
  }

  #wakeBy(atMs: number): void {
    if (atMs >= this.#wakeAtMs) return
    this.#wakeAtMs = atMs
    this.#cancelWake()
    const wake = (): void => {
      this.#wakeAtMs = Number.POSITIVE_INFINITY
      this.#schedulePump()
    }
    const { clock } = this.#cluster
    this.#cancelWake = clock.schedule(Math.max(1, Math.ceil(atMs - clock.monotonicMs())), wake)
  }

  /** Sends whatever may be sent now. */
  #pump(): void {
    for (const span of this.#spans) this.#enlist(span)
    const nowMs = this.#cluster.clock.monotonicMs()
    const leaderOf = (topic: string, partition: number) => this.#cluster.leaderOf(topic, partition)
    for (;;) {
      const plan = planProduce(this.#active, leaderOf, this.#inFlight, this.#options, nowMs, this.#isFlushing)
      for (const draft of plan.drafts) this.#send(draft)
      if (plan.drafts.length > 0) continue
      if (plan.isLeaderless) this.#leaders.start()
      this.#wakeBy(plan.wakeAtMs)
      break
    }
    // An open batch that can't go yet keeps growing, and stays wanted.
    if (this.#open.size === 0) this.#isFlushing = false
  }

  #send(draft: ProduceDraft): void {
    const { broker, identity, entries } = draft
    for (const { appender, batch } of entries) {
      if (batch.baseSequence >= 0) this.stats.retriedBatches++
      appender.queue.send(batch, broker)
      this.#active.delete(appender)
      this.#active.add(appender)
    }
    this.stats.requests++
    this.stats.batches += entries.length
    this.stats.bytes += draft.bytes
    this.#inFlight.add(broker, identity, 1)
    const timeoutMs = this.#cluster.requestTimeoutMs
    const input = {
      transactionalId: identity.transactionalId,
      // The leader shall give up on its followers before we give up on the leader.
      timeoutMs: Math.max(1, Math.floor(timeoutMs * 0.7)),
      batches: entries.map(({ appender, batch }) => ({
        topic: appender.topic,
        partition: appender.partition,
        records: batch.sealed.buffer,
      })),
    }
    this.#cluster.request(broker, Produce, input, { lane: this.#lane, timeoutMs }).then(
      (results) => this.#settle(draft, () => this.#answered(draft, results)),
      (error) => this.#settle(draft, () => this.#lost(draft, toError(error))),
    )
  }

  #settle(draft: ProduceDraft, handle: () => void): void {
    this.#inFlight.add(draft.broker, draft.identity, -1)
    this.#guard(() => {
      handle()
      this.#releaseDrained()
      this.#schedulePump()
    })
  }

  #answered(draft: ProduceDraft, results: readonly ProducedPartition[]): void {
    const byPartition = new Map(results.map((result) => [`${result.topic}:${result.partition}`, result]))
    for (const { appender, batch } of draft.entries) {
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
  #lost(draft: ProduceDraft, error: Error): void {
    if (!isWorthRetrying(error)) throw error
    for (const { appender, batch } of draft.entries) this.#retry(appender, batch, error)
  }

  #retry(appender: PartitionAppender, batch: QueuedBatch, error: Error): void {
    const { queue, topic, partition } = appender
    const waitMs = backoffMs(this.#cluster, queue.failures, this.#options.retryBackoff)
    queue.failed(batch, error, this.#cluster.clock.monotonicMs() + waitMs)
    this.#cluster.logger.debug('kafka batch is sent again', { topic, partition, error: error.message })
    this.#leaders.start()
  }

  /** Makes the partitions that a transaction has reached part of it, all that there are in one request. */
  #enlist(span: ProducerSpan): void {
    const { transactionalId, producerId, producerEpoch, isKnown } = span.identity
    if (transactionalId === null || !isKnown || !span.hasPartitionsToAdd || this.#enlisting.has(span)) return
    this.#enlisting.add(span)
    const shares = span.takePartitionsToAdd()
    const partitions = shares.map(({ topic, partition }) => ({ topic, partition }))
    const transaction = { transactionalId, producerId, producerEpoch }
    addPartitionsToTxn(this.#cluster, transaction, partitions, this.#options.deliveryTimeoutMs).then(
      () => {
        this.#enlisting.delete(span)
        for (const share of shares) share.isInTransaction = true
        this.#schedulePump()
      },
      (error) => this.#fail(toError(error)),
    )
  }

  #checkDelivery(): void {
    const nowMs = this.#cluster.clock.monotonicMs()
    for (const { queue, openedAtMs, topic } of this.#active) {
      const waitedMs = nowMs - (queue.oldest?.createdAtMs ?? openedAtMs ?? nowMs)
      if (waitedMs < this.#options.deliveryTimeoutMs) continue
      const code = this.#cluster.topicError(topic)
      this.#fail(code === 0 ? deliveryTimedOut(queue, waitedMs) : topicMissing(topic, code))
      return
    }
  }

  #guard(run: () => void): void {
    if (this.#failure !== undefined) return
    try {
      run()
    } catch (error) {
      this.#fail(toError(error))
    }
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return
    this.#stop(error)
    this.#options.onFailure(error)
  }

  #stop(error: Error): void {
    this.#failure ??= error
    this.#stopChecking()
    this.#cancelWake()
    this.#leaders.stop()
    for (const span of this.#spans) span.fail(this.#failure)
    this.#spans.clear()
    this.#drained?.reject(this.#failure)
    this.#drained = undefined
  }

  #releaseDrained(): void {
    // A little room before anyone goes on, or every acknowledged batch would wake the appender for one batch.
    if (this.#drained === undefined || this.bufferedBytes > this.#options.maxBufferedBytes * 0.75) return
    this.#drained.resolve()
    this.#drained = undefined
  }

  #forgetSettled(span: ProducerSpan): void {
    if (span.hasEnded && span.pendingBatches === 0) this.#spans.delete(span)
  }
}
