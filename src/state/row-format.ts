/**
 * How a `keyBy` without a codec of its own writes values: an object of scalars as a *row*, anything else as MessagePack.
 * A row names its keys by a number that counts the shapes (lists of keys) of its frame; the first row of a shape says what they
 * are. So values are read in the order in which they were written, from the beginning of a frame, and a frame needs no other.
 *
 * ```
 * 0 │ MessagePack                                                     anything
 * n │ field, field, … │ MessagePack of an array                        row of the frame's shape n
 * n │ bytes: uint16 │ text, text, … │ field, field, … │ MessagePack …  the first row of shape n; the texts are its keys
 * ```
 * A field is one byte below and what belongs to it. The array is there if a field is elsewhere, and holds those fields in order.
 * Numbers are big-endian, UTF-16 is little-endian.
 */
import { damagedFrame } from '../records/exchange-frame.ts'

/** 0x00 to 0x7f: so many chars of text behind it, a byte (0x00 to 0xff) each. */
export const SHORT_TEXT_CHARS = 0x7f
/** Bytes: uint16. */
export const LATIN1 = 0x80
/** Bytes: uint16. UTF-16 and not UTF-8, which cannot hold half of a surrogate pair. */
export const UTF16 = 0x81
export const NULL = 0x82
export const UNDEFINED = 0x83
export const FALSE = 0x84
export const TRUE = 0x85
export const FLOAT64 = 0x86
export const UINT8 = 0x87
export const UINT16 = 0x88
export const INT32 = 0x89
/** An element of the array at the end of the row: an object, an array, a bigint, a long text. */
export const ELSEWHERE = 0x8a
/** 0xc0 to 0xff: a whole number from 0 to 63. */
export const SMALL = 0xc0

/** Longer text is elsewhere. In UTF-16 its bytes fit a uint16. */
export const MAX_TEXT_CHARS = 0x7fff

/** In front of a value: it is no row. */
export const WHOLE = 0
/** Of a frame: their number is one byte. Values of further shapes are written whole. */
export const MAX_SHAPES = 64
/** More would make a generated reader so long that V8 doesn't optimise it. */
export const MAX_FIELDS = 64
export const MAX_DEFINITION_BYTES = 4096

/**
 * Where a frame's new shape is defined: of its number and the shapes before it, checked. `at` is behind the number.
 * Throws MR_EXCHANGE_FRAME_DAMAGED.
 */
export function definitionRange(
  number: number,
  shapes: number,
  buffer: Buffer,
  at: number,
  end: number,
): readonly [from: number, to: number] {
  if (number !== shapes + 1 || number > MAX_SHAPES) {
    throw damagedFrame('records', `a row of shape ${number} behind ${shapes} shapes`)
  }
  const bytes = end - at < 2 ? MAX_DEFINITION_BYTES + 1 : buffer.readUInt16BE(at)
  const from = at + 2
  if (bytes > MAX_DEFINITION_BYTES || bytes > end - from) {
    throw damagedFrame('records', 'the keys of a shape run past its row')
  }
  return [from, from + bytes]
}

/** What objects with such a key do in MessagePack depends on more than their fields: they are written whole. */
export const SPECIAL_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'toJSON'])
