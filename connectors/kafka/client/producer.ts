/** Who writes: a producer id with its epoch, and what the brokers know of it partition by partition. */
import { assert } from '../../../src/common/assert.ts'
import type { ProducerIdAndEpoch } from './transactions.ts'

const MAX_SEQUENCE = 2 ** 31 - 1

/** Sequences count records, in 31 bits, and begin anew at 0 behind the highest. */
export function advanceSequence(sequence: number, records: number): number {
  return sequence > MAX_SEQUENCE - records ? records - (MAX_SEQUENCE - sequence) - 1 : sequence + records
}

/** What one partition's leader knows of one identity. */
export interface IdentityPartition {
  /** Of the next batch that is sent for the first time. */
  nextSequence: number
  /** Each counted once, however often it is sent. */
  sentBatches: number
  /**
   * Whether the leader has taken a batch of this identity. Before that it accepts any first sequence (KAFKA-14359), so
   * two batches on their way could end up with a gap or swapped, and nobody would be told.
   */
  acknowledged: boolean
}

/**
 * The identity under which batches are written. Sequences live here, so one identity may be used by several spans of one
 * sender, one after the other; never by two senders. With a transactional id the identity names one transaction.
 */
export class ProducerIdentity {
  readonly transactionalId: string | null
  readonly #partitions = new Map<string, IdentityPartition>()
  readonly #onKnown = new Set<() => void>()
  #producerId = -1
  #producerEpoch = -1

  /** `known` may follow later, by `initialise`: records can be appended before. */
  constructor(transactionalId: string | null, known?: ProducerIdAndEpoch) {
    this.transactionalId = transactionalId
    if (known !== undefined) this.initialise(known)
  }

  /** -1 as long as it isn't known. */
  get producerId(): number {
    return this.#producerId
  }

  get producerEpoch(): number {
    return this.#producerEpoch
  }

  get isKnown(): boolean {
    return this.#producerId >= 0
  }

  initialise({ producerId, producerEpoch }: ProducerIdAndEpoch): void {
    assert(!this.isKnown, 'a producer identity is initialised once')
    assert(producerId >= 0 && producerEpoch >= 0, 'a producer id and its epoch are not negative')
    this.#producerId = producerId
    this.#producerEpoch = producerEpoch
    for (const notify of this.#onKnown) notify()
    this.#onKnown.clear()
  }

  /** Calls back once the identity is known; not at all if it is already. */
  whenKnown(notify: () => void): void {
    if (!this.isKnown) this.#onKnown.add(notify)
  }

  partition(topic: string, partition: number): IdentityPartition {
    const key = `${topic}:${partition}`
    let state = this.#partitions.get(key)
    if (state === undefined) {
      state = { nextSequence: 0, sentBatches: 0, acknowledged: false }
      this.#partitions.set(key, state)
    }
    return state
  }
}
