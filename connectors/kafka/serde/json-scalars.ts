/** The scalars of JSON that a template leaves to others: long numbers, and texts with escapes or beyond ASCII. */
import { latin1Slice, utf8Slice } from '../../../src/common/bytes.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** The number whose text is bytes [from, to), which must follow JSON's grammar: Number reads that as JSON.parse does. */
export function numberOf(bytes: Buffer, from: number, to: number): number {
  return Number(latin1Slice(bytes, from, to))
}

/** Where the text that begins behind a quote, or anywhere in it but behind a backslash, has its closing quote; -1: nowhere before `end`. */
export function endOfText(bytes: Buffer, at: number, end: number): number {
  for (let p = at; p < end; p++) {
    const byte = bytes[p]
    if (byte === QUOTE) return p
    if (byte === BACKSLASH) p++
  }
  return -1
}

/**
 * The text between the quotes at `from - 1` and `to`; undefined: it isn't JSON. Quotes are ASCII, so what of UTF-8 is
 * damaged between them decodes as it would within the whole value.
 */
export function textOf(bytes: Buffer, from: number, to: number): string | undefined {
  try {
    return JSON.parse(utf8Slice(bytes, from - 1, to + 1))
  } catch {
    return undefined
  }
}
