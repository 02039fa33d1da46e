/**
 * What a partition knows of one producer id, as Kafka's ProducerStateManager keeps it: its epoch, its last five batches,
 * the transaction that it has open here. Pure. The order of the checks is the broker's (4.1), and matters.
 */

import { KafkaCode } from '../client/kafka-errors.ts'
import type { BatchHeader } from '../codec/record-batch-reader.ts'

interface RememberedBatch {
  readonly baseSequence: number
  readonly lastSequence: number
  readonly baseOffset: number
}

const REMEMBERED_BATCHES = 5
const MAX_SEQUENCE = 2 ** 31 - 1

export class ModelProducerState {
  epoch = -1
  /** The newest time among the records of its last batch, ms since 1970. */
  lastTimestampMs = 0
  /** Of the first record of the open transaction. */
  transactionStart: number | null = null
  private batches: RememberedBatch[] = []

  /** The offset at which the very batch was written before. */
  duplicateOf({ producerEpoch, baseSequence, recordCount }: BatchHeader): number | undefined {
    if (producerEpoch !== this.epoch) return undefined
    const lastSequence = sequenceAfter(baseSequence, recordCount - 1)
    return this.batches.find((batch) => batch.baseSequence === baseSequence && batch.lastSequence === lastSequence)?.baseOffset
  }

  /** The error with which the batch is refused; 0: it may be written. Duplicates are the caller's. */
  check({ producerEpoch, baseSequence, isTransactional }: BatchHeader): number {
    if (producerEpoch < this.epoch) return KafkaCode.invalidProducerEpoch
    // Nothing is known of the producer: any sequence may be its first (KAFKA-14359).
    if (this.epoch >= 0) {
      const expected = producerEpoch === this.epoch ? this.nextSequence() : 0
      if (baseSequence !== expected) return KafkaCode.outOfOrderSequenceNumber
    }
    if (this.transactionStart !== null && !isTransactional) return KafkaCode.invalidTxnState
    return KafkaCode.none
  }

  written(header: BatchHeader, baseOffset: number): void {
    const { producerEpoch, baseSequence, recordCount, isTransactional } = header
    this.turnTo(producerEpoch)
    this.lastTimestampMs = header.maxTimestamp
    this.batches.push({ baseSequence, lastSequence: sequenceAfter(baseSequence, recordCount - 1), baseOffset })
    if (this.batches.length > REMEMBERED_BATCHES) this.batches.shift()
    if (isTransactional) this.transactionStart ??= baseOffset
  }

  /** A marker carries the coordinator's epoch, which an expiry has raised: from there on the producer is fenced here too. */
  marked(epoch: number, timestampMs: number): void {
    this.turnTo(epoch)
    this.lastTimestampMs = timestampMs
    this.transactionStart = null
  }

  /** What a snapshot keeps. */
  forgetAllButLast(): void {
    this.batches = this.batches.slice(-1)
  }

  private turnTo(epoch: number): void {
    if (epoch === this.epoch) return
    this.epoch = epoch
    this.batches = []
  }

  private nextSequence(): number {
    const last = this.batches.at(-1)
    return last === undefined ? 0 : sequenceAfter(last.lastSequence, 1)
  }
}

function sequenceAfter(sequence: number, records: number): number {
  return sequence > MAX_SEQUENCE - records ? records - (MAX_SEQUENCE - sequence) - 1 : sequence + records
}
