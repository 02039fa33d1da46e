/**
 * Short texts that were seen lately, so that one which comes again is no new string: it costs a comparison instead of a
 * native call, and nothing to collect. A direct-mapped cache: a text that lands on another's slot replaces it.
 */
import { latin1Slice } from '../../../src/common/bytes.ts'

const SLOTS = 4096
/** Longer ones cost more to compare than to make, and rarely come again. */
const MAX_CHARS = 24

export class ShortTexts {
  private readonly slots: string[] = new Array(SLOTS).fill('')

  /** ASCII bytes [from, to) as text. @param hash of these bytes, any that is always the same */
  get(bytes: Buffer, from: number, to: number, hash: number): string {
    const chars = to - from
    if (chars > MAX_CHARS) return latin1Slice(bytes, from, to)
    const slot = (hash ^ (hash >>> 13)) & (SLOTS - 1)
    const known = this.slots[slot]!
    if (known.length === chars) {
      let same = 0
      while (same < chars && known.charCodeAt(same) === bytes[from + same]) same++
      if (same === chars) return known
    }
    const made = latin1Slice(bytes, from, to)
    this.slots[slot] = made
    return made
  }
}
