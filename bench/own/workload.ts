/**
 * The input of our own driver: record i is the same in every run. Shaped like the peer kit's (a value of about 70 bytes, the
 * word as key, words equally likely), by a hash that JavaScript computes quickly, so the very bytes differ.
 */
const FIRST_ID = 1_000_000_000
const FIRST_TIME_MS = 1_700_000_000_000

export type KeyOrder = 'random' | 'each-once'

export class Workload {
  readonly keys: number
  readonly #order: KeyOrder

  /** `each-once`: record i has key i, modulo the number of keys. */
  constructor(keys: number, order: KeyOrder = 'random') {
    this.keys = keys
    this.#order = order
  }

  /** 0 … keys − 1; the record's key and word are `w<number>`. */
  wordOf(record: number): number {
    return this.#order === 'each-once' ? record % this.keys : mix(record * 2) % this.keys
  }

  /** 1 … 9999; sums of cents are exact. */
  centsOf(record: number): number {
    return 1 + (mix(record * 2 + 1) % 9_999)
  }

  valueOf(record: number): string {
    const cents = this.centsOf(record)
    const amount = `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`
    const time = FIRST_TIME_MS + Math.floor(record / 10)
    return `{"id":${FIRST_ID + record},"word":"w${this.wordOf(record)}","ts":${time},"amount":${amount}}`
  }
}

/** MurmurHash3's 32-bit finalizer: every input bit moves every output bit. */
function mix(value: number): number {
  let hash = value | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
