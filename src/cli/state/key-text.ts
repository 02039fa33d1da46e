/** A key as it stands on a command line. */
import { MillraceError } from '../../common/errors.ts'
import type { KeyCodec } from '../../ports/source.ts'

/** Text as it is, a number as digits, bytes in base64, and what a codec of the user's own takes as JSON. */
export function keyOfText({ name }: KeyCodec<unknown>, text: string): unknown {
  switch (name) {
    case 'string':
      return text
    case 'number':
      return numberOf(text)
    case 'bytes':
      return bytesOf(text)
    default:
      return jsonOr(text)
  }
}

/** Node.js passes over what is no base64, and would look for another key. */
function bytesOf(text: string): Buffer {
  const digits = text.replace(/={1,2}$/, '')
  if (/^[\w+/-]*$/.test(digits) && digits.length % 4 !== 1) return Buffer.from(text, 'base64')
  throw new MillraceError('MR_STATE_KEY_INVALID', `${text} is no base64, and the keys are bytes`)
}

function numberOf(text: string): number {
  const number = Number(text)
  if (text.trim() !== '' && !Number.isNaN(number)) return number
  throw new MillraceError('MR_STATE_KEY_INVALID', `${text} is no number, and the keys are`)
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
