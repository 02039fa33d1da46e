/**
 * Which batches of a fetch answer belong to aborted transactions. The answer lists, for each aborted transaction that
 * overlaps the range asked for, its producer id and the offset of its first record; it ends at its abort marker. A
 * producer may have several of them in one answer, and committed transactions between.
 *
 * Made anew for each answer of a partition, as every answer lists all that overlap it. Batches must be shown in order.
 */
import type { AbortedTransaction } from './requests/fetch-request.ts'

export class AbortedFilter {
  /** By first offset, ascending: brokers sort mostly, but don't promise it. */
  readonly #transactions: readonly AbortedTransaction[]
  #next = 0
  /** Producers whose records, from here to their next marker, are aborted. */
  readonly #aborting = new Set<number>()

  constructor(transactions: readonly AbortedTransaction[]) {
    this.#transactions = [...transactions].sort((a, b) => a.firstOffset - b.firstOffset)
  }

  /** Is shown a batch of records; tells whether readers of committed data must not see it. */
  isAborted(producerId: number, isTransactional: boolean, lastOffset: number): boolean {
    this.#advance(lastOffset)
    return isTransactional && this.#aborting.has(producerId)
  }

  /** Is shown a control batch: an abort marker ends the aborted transaction of its producer. */
  onMarker(producerId: number, kind: 'abort' | 'commit' | 'other', lastOffset: number): void {
    this.#advance(lastOffset)
    if (kind === 'abort') this.#aborting.delete(producerId)
  }

  #advance(lastOffset: number): void {
    for (let next = this.#transactions[this.#next]; next !== undefined; next = this.#transactions[++this.#next]) {
      if (next.firstOffset > lastOffset) return
      this.#aborting.add(next.producerId)
    }
  }
}
