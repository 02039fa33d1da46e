/**
 * The input of our own driver: record i is the same in every run. Shaped like the peer kit's (a value of about 70 bytes, the
 * word as key, words equally likely), by a hash that JavaScript computes quickly, so the very bytes differ.
 */
const FIRST_ID = 1_000_000_000
const FIRST_TIME_MS = 1_700_000_000_000

/** A prime above any number of keys that divides it: multiples of it, modulo that number, are all keys in no order. */
const STRIDE = 1_000_003

/** Random text that words are filled up from: so long that what two words share of it by chance compresses nothing. */
const FILLER_CHARS = 1 << 20

export type KeyOrder = 'random' | 'each-once' | 'shuffled-once'

export class Workload {
  readonly keys: number
  readonly #order: KeyOrder
  readonly #wordBytes: number
  readonly #filler: string

  /**
   * `each-once`: record i has key i, modulo the number of keys; `shuffled-once`: as many records have as many keys.
   * @param wordBytes words are filled up to this length; 0: they are as short as they can be
   */
  constructor(keys: number, order: KeyOrder = 'random', wordBytes = 0) {
    this.keys = keys
    this.#order = order
    this.#wordBytes = wordBytes
    this.#filler = wordBytes === 0 ? '' : randomText(FILLER_CHARS + wordBytes)
  }

  /** 0 … keys − 1. */
  wordOf(record: number): number {
    switch (this.#order) {
      case 'each-once':
        return record % this.keys
      case 'shuffled-once':
        return ((record % this.keys) * STRIDE) % this.keys
      case 'random':
        return mix(record * 2) % this.keys
    }
  }

  /** The record's key and word: `w<number>`, then what fills it up. */
  textOf(word: number): string {
    const name = `w${word}`
    if (name.length >= this.#wordBytes) return name
    const from = mix(word) % FILLER_CHARS
    return `${name}-${this.#filler.slice(from, from + this.#wordBytes - name.length - 1)}`
  }

  /** 1 … 9999; sums of cents are exact. */
  centsOf(record: number): number {
    return 1 + (mix(record * 2 + 1) % 9_999)
  }

  valueOf(record: number): string {
    const cents = this.centsOf(record)
    const amount = `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`
    const time = FIRST_TIME_MS + Math.floor(record / 10)
    return `{"id":${FIRST_ID + record},"word":"${this.textOf(this.wordOf(record))}","ts":${time},"amount":${amount}}`
  }
}

/** The number of a word. */
export function numberOfWord(text: string): number {
  return Number.parseInt(text.slice(1), 10)
}

function randomText(chars: number): string {
  const text = Buffer.alloc(chars)
  for (let i = 0; i < chars; i++) text[i] = 'abcdefghijklmnopqrstuvwxyz0123456789'.charCodeAt(mix(i) % 36)
  return text.toString('latin1')
}

/** MurmurHash3's 32-bit finalizer: every input bit moves every output bit. */
function mix(value: number): number {
  let hash = value | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
