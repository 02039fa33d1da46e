/**
 * Makes the objects of a shape out of their fields (row-format.ts). A shape that is met often gets a function generated for it,
 * which makes the object by one literal: all objects of the shape then share one hidden class.
 */
import { latin1Slice } from '../common/bytes.ts'
import { shortText } from '../common/short-text.ts'
import { damagedFrame } from '../records/exchange-frame.ts'
import {
  ELSEWHERE,
  FALSE,
  FLOAT64,
  INT32,
  LATIN1,
  NULL,
  SHORT_TEXT_CHARS,
  SMALL,
  TRUE,
  UINT8,
  UINT16,
  UNDEFINED,
  UTF16,
} from './row-format.ts'

export type Row = Record<string, unknown>

/**
 * Reads the fields at [p, end) and leaves in `cursor` where it stopped, at `end` or before. Fields that stand elsewhere are
 * undefined in the row. Throws MR_EXCHANGE_FRAME_DAMAGED.
 */
export type RowReader = (buffer: Buffer, p: number, end: number) => Row

/** One for all: nothing else is read while a row is. */
export const cursor = {
  at: 0,
  /** Which fields of the row are elsewhere. */
  elsewhere: [] as number[],
}

/** Reads by a loop. */
export function slowReader(keys: readonly string[]): RowReader {
  return (buffer, p, end) => {
    const row: Row = {}
    cursor.at = p
    for (let i = 0; i < keys.length; i++) row[keys[i]!] = readField(buffer, cursor.at, end, i)
    return row
  }
}

/** Undefined: code may not be made from text here (--disallow-code-generation-from-strings). */
export function fastReader(keys: readonly string[]): RowReader | undefined {
  try {
    const make = new Function('cursor', 'shortText', 'readField', sourceOf(keys))
    return make(cursor, shortText, readField) as RowReader
  } catch {
    return undefined
  }
}

/**
 * Short texts and small numbers are read where they stand; anything else, the end of the bytes included, by `readField`.
 * Nothing of the keys gets into the code but as texts quoted by JSON.stringify.
 */
function sourceOf(keys: readonly string[]): string {
  const fields = keys.map(
    (_, i) => `c = p < end ? b[p] : 256
if (c <= ${SHORT_TEXT_CHARS} && p + c < end) { from = p + 1; p = from + c; v${i} = shortText(b, from, p) }
else if (c >= ${SMALL} && c < 256) { v${i} = c - ${SMALL}; p++ }
else { v${i} = readField(b, p, end, ${i}); p = cursor.at }`,
  )
  const names = ['c = 0', 'from = 0', ...keys.map((_, i) => `v${i}`)]
  return `return function readRow(b, p, end) {
let ${names.join(', ')}
${fields.join('\n')}
cursor.at = p
return {${keys.map((key, i) => `${JSON.stringify(key)}: v${i}`).join(', ')}}
}`
}

/** Field `i`, at `p`. */
export function readField(buffer: Buffer, p: number, end: number, i: number): unknown {
  if (p >= end) throw ranOut()
  const kind = buffer[p]!
  if (kind <= SHORT_TEXT_CHARS) {
    advance(p, 1 + kind, end)
    return shortText(buffer, p + 1, cursor.at)
  }
  if (kind >= SMALL) {
    advance(p, 1, end)
    return kind - SMALL
  }
  switch (kind) {
    case FLOAT64:
      advance(p, 9, end)
      return buffer.readDoubleBE(p + 1)
    case UINT8:
      advance(p, 2, end)
      return buffer[p + 1]
    case UINT16:
      advance(p, 3, end)
      return (buffer[p + 1]! << 8) | buffer[p + 2]!
    case INT32:
      advance(p, 5, end)
      return (buffer[p + 1]! << 24) | (buffer[p + 2]! << 16) | (buffer[p + 3]! << 8) | buffer[p + 4]!
    case NULL:
      advance(p, 1, end)
      return null
    case FALSE:
      advance(p, 1, end)
      return false
    case TRUE:
      advance(p, 1, end)
      return true
    case UNDEFINED:
      advance(p, 1, end)
      return undefined
    case ELSEWHERE:
      advance(p, 1, end)
      cursor.elsewhere.push(i)
      return undefined
    case LATIN1:
    case UTF16: {
      advance(p, 3, end)
      const bytes = buffer.readUInt16BE(p + 1)
      advance(p, 3 + bytes, end)
      if (kind === LATIN1) return latin1Slice(buffer, p + 3, cursor.at)
      if (bytes % 2 !== 0) throw damagedFrame('records', `a text of ${bytes} bytes in UTF-16`)
      return buffer.toString('utf16le', p + 3, cursor.at)
    }
    default:
      throw damagedFrame('records', `a field of kind 0x${kind.toString(16)}`)
  }
}

function advance(from: number, bytes: number, end: number): void {
  if (from + bytes > end) throw ranOut()
  cursor.at = from + bytes
}

function ranOut(): Error {
  return damagedFrame('records', 'a row ends within a field')
}
