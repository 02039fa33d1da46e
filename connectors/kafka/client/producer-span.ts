/**
 * A span: everything appended between one `use` of a sender and the next. It knows what it still waits for and, when all
 * is acknowledged, what lies where in the log.
 */
import { assert } from '../../../src/common/assert.ts'
import type { IdentityPartition, ProducerIdentity } from './producer.ts'

/** What a span wrote to a partition. Other producers' records may lie between. */
export interface PartitionRange {
  readonly topic: string
  readonly partition: number
  /**
   * The range covers every batch whose offset the broker told; no release from 2.0 on leaves one out. -1 and -1: none.
   */
  readonly firstOffset: number
  readonly lastOffset: number
  readonly recordCount: number
}

/** A span's share in one partition. */
export interface SpanPartition {
  readonly span: ProducerSpan
  readonly topic: string
  readonly partition: number
  readonly identity: IdentityPartition
  /** Whether the transaction covers this partition (AddPartitionsToTxn); always true without a transaction. */
  isInTransaction: boolean
  firstOffset: number
  lastOffset: number
  recordCount: number
}

export class ProducerSpan {
  readonly identity: ProducerIdentity
  /** Resolves when the span has ended and every batch of it is acknowledged; rejects when the sender fails. */
  readonly flushed: Promise<readonly PartitionRange[]>
  readonly #partitions = new Map<string, SpanPartition>()
  readonly #resolve: (ranges: readonly PartitionRange[]) => void
  readonly #reject: (error: Error) => void
  /** To be made part of the transaction. */
  #toAdd: SpanPartition[] = []
  #pendingBatches = 0
  #hasEnded = false

  constructor(identity: ProducerIdentity) {
    this.identity = identity
    const { promise, resolve, reject } = Promise.withResolvers<readonly PartitionRange[]>()
    promise.catch(() => {}) // whoever awaits it sees the error; the sender reports it besides
    this.flushed = promise
    this.#resolve = resolve
    this.#reject = reject
  }

  get pendingBatches(): number {
    return this.#pendingBatches
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  partition(topic: string, partition: number): SpanPartition {
    const key = `${topic}:${partition}`
    let share = this.#partitions.get(key)
    if (share === undefined) {
      share = {
        span: this,
        topic,
        partition,
        identity: this.identity.partition(topic, partition),
        isInTransaction: this.identity.transactionalId === null,
        firstOffset: -1,
        lastOffset: -1,
        recordCount: 0,
      }
      this.#partitions.set(key, share)
      if (!share.isInTransaction) this.#toAdd.push(share)
    }
    return share
  }

  get hasPartitionsToAdd(): boolean {
    return this.#toAdd.length > 0
  }

  takePartitionsToAdd(): readonly SpanPartition[] {
    const taken = this.#toAdd
    this.#toAdd = []
    return taken
  }

  batchSealed(): void {
    assert(!this.#hasEnded, 'nothing is appended to a span that has ended')
    this.#pendingBatches++
  }

  batchAcknowledged(share: SpanPartition, baseOffset: number, recordCount: number): void {
    this.#pendingBatches--
    share.recordCount += recordCount
    // Below 0: "a duplicate", says the broker, and not where.
    if (baseOffset >= 0) {
      // Not always in order: a batch that was written the first time is acknowledged, again, behind later ones.
      if (share.firstOffset < 0 || baseOffset < share.firstOffset) share.firstOffset = baseOffset
      share.lastOffset = Math.max(share.lastOffset, baseOffset + recordCount - 1)
    }
    this.#settle()
  }

  end(): void {
    this.#hasEnded = true
    this.#settle()
  }

  fail(error: Error): void {
    this.#reject(error)
  }

  #settle(): void {
    if (!this.#hasEnded || this.#pendingBatches > 0) return
    const ranges: PartitionRange[] = []
    for (const { topic, partition, firstOffset, lastOffset, recordCount } of this.#partitions.values()) {
      if (recordCount > 0) ranges.push({ topic, partition, firstOffset, lastOffset, recordCount })
    }
    this.#resolve(ranges)
  }
}
