/** What the output must say in the end, and whether it does: per word the count and the sum, update by update. */
import { numberOfWord, type Workload } from './workload.ts'

export class Totals {
  readonly counts: Uint32Array
  readonly cents: Float64Array

  constructor(keys: number) {
    this.counts = new Uint32Array(keys)
    this.cents = new Float64Array(keys)
  }

  /** Adds records [from, to) of the workload. */
  add(workload: Workload, from: number, to: number): void {
    for (let record = from; record < to; record++) {
      const word = workload.wordOf(record)
      this.counts[word]!++
      this.cents[word]! += workload.centsOf(record)
    }
  }
}

export interface Update {
  readonly word: string
  readonly count: number
  readonly sum: number
}

export class OutputTotals {
  readonly #counts: Uint32Array
  readonly #sums: Float64Array
  /** Updates read. */
  updates = 0
  /** Updates whose count isn't that of the update before, plus one. */
  repeatedOrMissing = 0
  /** Input records that the output accounts for. */
  accounted = 0

  constructor(keys: number) {
    this.#counts = new Uint32Array(keys)
    this.#sums = new Float64Array(keys)
  }

  take({ word, count, sum }: Update): void {
    const index = numberOfWord(word)
    const before = this.#counts[index]
    if (before === undefined) throw new Error(`the output has a word that the input lacks: ${word}`)
    this.updates++
    if (count !== before + 1) this.repeatedOrMissing++
    if (count <= before) return
    this.accounted += count - before
    this.#counts[index] = count
    this.#sums[index] = sum
  }

  /** Words whose last update isn't the total; sums are compared as doubles added in some order. */
  wrongKeys(expected: Totals): number {
    let wrong = 0
    for (const [word, count] of expected.counts.entries()) {
      const sum = expected.cents[word]! / 100
      const isRight = this.#counts[word] === count && Math.abs(this.#sums[word]! - sum) <= 1e-6 * Math.max(1, sum)
      if (!isRight) wrong++
    }
    return wrong
  }
}
