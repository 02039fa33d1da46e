/** Keys that are numbers, in their order. */
import { MillraceError } from '../common/errors.ts'
import { decodeOrderedNumber, encodeOrderedNumber } from '../common/ordered-number.ts'
import type { HasKeyCodec } from './state.ts'

/** For `keyBy` and `mapState`: keys are numbers, in eight bytes. */
export const numberKeys: HasKeyCodec<number> = {
  keyCodec: {
    name: 'number',
    encode(key) {
      if (typeof key !== 'number' || Number.isNaN(key)) {
        throw new MillraceError(
          'MR_KEY_NOT_A_NUMBER',
          `${typeof key === 'number' ? 'NaN' : `a ${typeof key}`} was given as a key`,
        )
      }
      return encodeOrderedNumber(key)
    },
    decode: decodeOrderedNumber,
  },
}
