/**
 * One partition of the Kafka model: its log as real record batches, what it knows of producers, its index of aborted
 * transactions, its last stable offset. Passive: no time, no requests. Not replicated, so what is written is committed.
 */
import { assert } from '../../../src/common/assert.ts'
import { KafkaCode } from '../client/kafka-errors.ts'
import type { AbortedTransaction } from '../client/requests/fetch-request.ts'
import { BASE_OFFSET_AT, LEADER_EPOCH_AT, writeInt64 } from '../codec/batch-format.ts'
import { type BatchHeader, decodeRecords, readBatchHeader } from '../codec/record-batch-reader.ts'
import { ModelProducerState } from './model-producer-state.ts'
import { transactionMarker } from './transaction-marker.ts'

export interface LoggedBatch {
  readonly bytes: Buffer
  readonly header: BatchHeader
}

export interface AppendResult {
  readonly errorCode: number
  readonly baseOffset: number
  readonly message: string | null
}

export interface PartitionRead {
  readonly records: Buffer
  readonly abortedTransactions: readonly AbortedTransaction[]
}

interface AbortedEntry extends AbortedTransaction {
  /** Of its marker. */
  readonly lastOffset: number
}

export class ModelPartition {
  readonly topic: string
  readonly partition: number
  /** Broker id; -1: none at the moment. */
  leader: number
  leaderEpoch = 0
  /** Who led it when it lost its leader. */
  leaderBefore = -1
  logStart = 0
  /** Called when there is something new to read, or another leader. */
  readonly watchers = new Set<() => void>()
  private readonly batches: LoggedBatch[] = []
  private readonly producers = new Map<number, ModelProducerState>()
  private readonly aborted: AbortedEntry[] = []
  private nextOffset = 0

  constructor(topic: string, partition: number, leader: number) {
    this.topic = topic
    this.partition = partition
    this.leader = leader
  }

  get highWatermark(): number {
    return this.nextOffset
  }

  /** Below it every transaction has ended. */
  get lastStableOffset(): number {
    let stable = this.nextOffset
    for (const { transactionStart } of this.producers.values()) {
      if (transactionStart !== null && transactionStart < stable) stable = transactionStart
    }
    return stable
  }

  /** All there is, for a checker. */
  get log(): readonly LoggedBatch[] {
    return this.batches
  }

  hasOpenTransaction(producerId: number, epoch: number): boolean {
    const state = this.producers.get(producerId)
    return state !== undefined && state.epoch === epoch && state.transactionStart !== null
  }

  append(bytes: Buffer, maxBytes: number): AppendResult {
    const header = readBatchHeader(bytes, 0)
    assert(header !== null && header.byteLength === bytes.length, 'a producer sends one whole batch a partition')
    if (bytes.length > maxBytes) return refused(KafkaCode.messageTooLarge)
    const { producerId } = header
    if (producerId >= 0) {
      const state = this.producers.get(producerId) ?? new ModelProducerState()
      const duplicateOffset = state.duplicateOf(header)
      if (duplicateOffset !== undefined) return { errorCode: 0, baseOffset: duplicateOffset, message: null }
      const errorCode = state.check(header)
      if (errorCode !== 0) return refused(errorCode)
      this.producers.set(producerId, state)
      state.written(header, this.nextOffset)
    }
    const baseOffset = this.nextOffset
    this.add(bytes)
    return { errorCode: 0, baseOffset, message: null }
  }

  appendMarker(marker: { producerId: number; producerEpoch: number; isCommit: boolean; timestampMs: number }): void {
    const { producerId, producerEpoch, isCommit } = marker
    const state = this.producers.get(producerId) ?? new ModelProducerState()
    this.producers.set(producerId, state)
    const firstOffset = state.transactionStart
    if (firstOffset !== null && !isCommit) this.aborted.push({ producerId, firstOffset, lastOffset: this.nextOffset })
    state.marked(producerEpoch, marker.timestampMs)
    this.add(transactionMarker({ ...marker, baseOffset: this.nextOffset }))
  }

  isInRange(offset: number): boolean {
    return offset >= this.logStart && offset <= this.nextOffset
  }

  /**
   * Whole batches from the one that holds `offset` on, up to `maxBytes`: cut off in the middle of a batch, as brokers do,
   * but for the first one if `wantsFirst` (KIP-74). Aborted transactions are listed by an index that knows the end of what
   * is read only roughly, so those listed may begin behind it.
   */
  read(offset: number, maxBytes: number, isCommittedOnly: boolean, wantsFirst: boolean): PartitionRead {
    const end = isCommittedOnly ? this.lastStableOffset : this.nextOffset
    const found: Buffer[] = []
    let bytes = 0
    for (let at = this.indexOf(offset); at < this.batches.length && bytes < maxBytes; at++) {
      const batch = this.batches[at]!
      if (batch.header.baseOffset >= end) break
      found.push(batch.bytes)
      bytes += batch.bytes.length
    }
    const first = found[0]
    if (first === undefined || (first.length > maxBytes && !wantsFirst))
      return { records: Buffer.alloc(0), abortedTransactions: [] }
    const records = Buffer.concat(found, Math.min(bytes, Math.max(maxBytes, first.length)))
    if (!isCommittedOnly) return { records, abortedTransactions: [] }
    const abortedTransactions = this.aborted
      .filter(({ lastOffset }) => lastOffset >= offset)
      .map(({ producerId, firstOffset }) => ({ producerId, firstOffset }))
    return { records, abortedTransactions }
  }

  /** The first record at or behind a time. */
  findTime(timestampMs: number): { readonly offset: number; readonly timestamp: number } | undefined {
    for (const { bytes, header } of this.batches) {
      if (header.isControl || header.maxTimestamp < timestampMs) continue
      const { offsets, timestamps, count } = decodeRecords(bytes, header)
      for (let i = 0; i < count; i++) {
        if (timestamps[i]! >= timestampMs && offsets[i]! >= this.logStart) {
          return { offset: offsets[i]!, timestamp: timestamps[i]! }
        }
      }
    }
    return undefined
  }

  /** By DeleteRecords or retention. Batches go when the log begins behind all of them. */
  trim(logStart: number): void {
    if (logStart <= this.logStart) return
    this.logStart = logStart
    while (this.batches[0] !== undefined && this.batches[0].header.lastOffset < logStart) this.batches.shift()
    while (this.aborted[0] !== undefined && this.aborted[0].lastOffset < logStart) this.aborted.shift()
    this.changed()
  }

  /**
   * `producer.id.expiration.ms`, counted by the records' own time; one with an open transaction stays. Brokers look at it
   * when they start, and every ten minutes.
   */
  forgetProducersBefore(timestampMs: number): void {
    for (const [producerId, state] of this.producers) {
      if (state.transactionStart === null && state.lastTimestampMs <= timestampMs) this.producers.delete(producerId)
    }
  }

  /** A leader that starts loads a snapshot, which holds the last batch of each producer. */
  forgetOlderBatches(): void {
    for (const state of this.producers.values()) state.forgetAllButLast()
  }

  lead(broker: number): void {
    this.leader = broker
    this.leaderEpoch++
    this.changed()
  }

  private add(bytes: Buffer): void {
    writeInt64(bytes, BASE_OFFSET_AT, this.nextOffset)
    bytes.writeInt32BE(this.leaderEpoch, LEADER_EPOCH_AT)
    const header = readBatchHeader(bytes, 0, { verifyCrc: false })
    assert(header !== null, 'a batch that was whole stays whole')
    this.batches.push({ bytes, header })
    this.nextOffset = header.lastOffset + 1
    this.changed()
  }

  private changed(): void {
    for (const watcher of [...this.watchers]) watcher()
  }

  /** The first batch that reaches `offset`. */
  private indexOf(offset: number): number {
    let low = 0
    let high = this.batches.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.batches[middle]!.header.lastOffset < offset) low = middle + 1
      else high = middle
    }
    return low
  }
}

function refused(errorCode: number): AppendResult {
  return { errorCode, baseOffset: -1, message: null }
}
