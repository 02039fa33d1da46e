/** Keys that are text: their UTF-8 bytes, as in Kafka. */
import { binaryOfText, textOfBinary } from '../common/bytes.ts'
import { MillraceError } from '../common/errors.ts'
import type { KeyCodec } from '../ports/source.ts'

export const textKeys: KeyCodec<string> = {
  name: 'string',
  encode(key) {
    if (typeof key !== 'string') {
      throw new MillraceError('MR_KEY_NOT_TEXT', `keyBy() gave ${key === null ? 'null' : `a ${typeof key}`} as a key`)
    }
    return binaryOfText(key)
  },
  decode: textOfBinary,
}
