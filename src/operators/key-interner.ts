/**
 * Record keys as strings, the same string for the same bytes where it was seen lately: no string is made, and the look-up
 * of state behind it finds its key by identity, with its hash already computed.
 */
import { shortText } from '../common/short-text.ts'

/** Direct-mapped: a key that lands on another's slot replaces it. 64 KiB for each task. */
const SLOTS = 8192
/** Longer ones cost more to compare than to make. */
const MAX_BYTES = 32

export class KeyInterner {
  private readonly slots: string[] = new Array(SLOTS).fill('')

  /** Bytes [start, end) as a binary string. */
  intern(bytes: Buffer, start: number, end: number): string {
    const length = end - start
    if (length > MAX_BYTES) return shortText(bytes, start, end)
    let hash = length
    for (let at = start; at < end; at++) hash = Math.imul(hash, 31) + bytes[at]!
    const slot = (hash ^ (hash >>> 13)) & (SLOTS - 1)
    const known = this.slots[slot]!
    if (known.length === length && isSame(known, bytes, start)) return known
    const key = shortText(bytes, start, end)
    this.slots[slot] = key
    return key
  }
}

function isSame(key: string, bytes: Buffer, start: number): boolean {
  for (let i = 0; i < key.length; i++) if (key.charCodeAt(i) !== bytes[start + i]) return false
  return true
}
