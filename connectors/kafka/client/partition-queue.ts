/**
 * The sealed batches of one partition that are not acknowledged yet, and the rules of what may be sent next. Pure: time is
 * handed in, sending is the sender's.
 *
 * Invariants:
 * - `#batches` is in the order of appending; the first `#sent` of them have been sent since the last rewind.
 * - A batch gets its sequence when it is first sent and keeps sequence and bytes for ever (idempotence).
 * - Batches of two identities are never in flight together (R23): two producers are not ordered against each other.
 * - Until the leader has acknowledged one batch of an identity, one batch is in flight (R18).
 * - At most five batches lie between the oldest that is not acknowledged and the last one sent, acknowledged ones among
 *   them: brokers know a producer's last five batches, and take a repeat of an older one for a gap.
 * - After a failure nothing is sent until everything in flight has come back; then all of it is sent again, in order, as
 *   the leader takes a batch only directly behind the one before. The first one again goes alone.
 */
import { assert, defined } from '../../../src/common/assert.ts'
import { type SealedBatch, stampBatch } from '../codec/record-batch-builder.ts'
import { advanceSequence } from './producer.ts'
import type { SpanPartition } from './producer-span.ts'

/** How many batches of a producer a partition's leader remembers (ProducerStateEntry.NUM_BATCHES_TO_RETAIN in Kafka). */
const REMEMBERED_BATCHES = 5

export interface QueuedBatch {
  readonly share: SpanPartition
  readonly sealed: SealedBatch
  /** Monotonic time. */
  readonly createdAtMs: number
  /** -1: never sent. */
  baseSequence: number
  /** Counts the batches of its identity in the partition, in the order of sending; -1: never sent. */
  number: number
  inFlight: boolean
}

export class PartitionQueue {
  readonly topic: string
  readonly partition: number
  readonly #batches: QueuedBatch[] = []
  #sent = 0
  #inFlight = 0
  #inFlightBroker = -1
  #mustRewind = false
  /** After a failure: alone until the first acknowledgement. */
  #isProbing = false
  #failures = 0
  #notBeforeMs = 0
  #lastError: Error | undefined

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  get isEmpty(): boolean {
    return this.#batches.length === 0
  }

  /** Sealed batches that wait to be sent. */
  get unsentCount(): number {
    return this.#batches.length - this.#sent
  }

  get oldest(): QueuedBatch | undefined {
    return this.#batches[0]
  }

  /** How often in a row sending has failed. */
  get failures(): number {
    return this.#failures
  }

  /** Monotonic time before which nothing is sent: it failed a moment ago. */
  get notBeforeMs(): number {
    return this.#notBeforeMs
  }

  get lastError(): Error | undefined {
    return this.#lastError
  }

  push(batch: QueuedBatch): void {
    this.#batches.push(batch)
  }

  get firstUnsent(): QueuedBatch | undefined {
    return this.#batches[this.#sent]
  }

  /** Whether a batch of this share could be sent to that broker, were it the next. `notBeforeMs` is for the caller to keep. */
  admits(share: SpanPartition, broker: number, maxInFlight: number): boolean {
    const { identity } = share.span
    if (!identity.isKnown || !share.isInTransaction) return false
    if (this.#inFlight === 0) return true
    if (this.#mustRewind || this.#isProbing || !share.identity.acknowledged) return false
    const last = defined(this.#batches[this.#sent - 1], 'the batch sent last')
    if (last.share.span.identity !== identity || this.#inFlightBroker !== broker) return false
    return this.#inFlight < maxInFlight && this.#isRemembered(share)
  }

  /** Whether the leader would still know the oldest batch, were the next one written. */
  #isRemembered(share: SpanPartition): boolean {
    const next = this.firstUnsent
    const number = next === undefined || next.number < 0 ? share.identity.sentBatches : next.number
    return number - defined(this.oldest, 'the oldest batch in flight').number < REMEMBERED_BATCHES
  }

  /** The first unsent batch goes out. */
  send(batch: QueuedBatch, broker: number): void {
    assert(this.#batches[this.#sent] === batch, 'batches are sent in their order')
    if (batch.baseSequence < 0) {
      const { identity, span } = batch.share
      const { producerId, producerEpoch, transactionalId } = span.identity
      batch.baseSequence = identity.nextSequence
      batch.number = identity.sentBatches++
      identity.nextSequence = advanceSequence(identity.nextSequence, batch.sealed.recordCount)
      stampBatch(batch.sealed, {
        producerId,
        producerEpoch,
        baseSequence: batch.baseSequence,
        isTransactional: transactionalId !== null,
      })
    }
    batch.inFlight = true
    this.#sent++
    this.#inFlight++
    this.#inFlightBroker = broker
  }

  acknowledged(batch: QueuedBatch): void {
    this.#cameBack(batch)
    const index = this.#batches.indexOf(batch)
    assert(index >= 0 && index < this.#sent, 'an acknowledged batch was sent')
    this.#batches.splice(index, 1)
    this.#sent--
    batch.share.identity.acknowledged = true
    this.#isProbing = false
    if (!this.#mustRewind) {
      this.#failures = 0
      this.#lastError = undefined
    }
    this.#rewindWhenReturned()
  }

  /** The batch must be sent again, not before `notBeforeMs`. */
  failed(batch: QueuedBatch, error: Error, notBeforeMs: number): void {
    this.#cameBack(batch)
    if (!this.#mustRewind) this.#failures++
    this.#mustRewind = true
    this.#lastError = error
    this.#notBeforeMs = Math.max(this.#notBeforeMs, notBeforeMs)
    this.#rewindWhenReturned()
  }

  /** Whether an earlier batch of the same identity is still not acknowledged. */
  hasEarlier(batch: QueuedBatch): boolean {
    const first = this.#batches[0]
    return first !== undefined && first !== batch && first.share.span.identity === batch.share.span.identity
  }

  #cameBack(batch: QueuedBatch): void {
    assert(batch.inFlight, 'an answer is for a batch in flight')
    batch.inFlight = false
    this.#inFlight--
  }

  #rewindWhenReturned(): void {
    if (!this.#mustRewind || this.#inFlight > 0) return
    this.#mustRewind = false
    this.#isProbing = true
    this.#sent = 0
  }
}
