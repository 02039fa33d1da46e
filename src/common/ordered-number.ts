/** Numbers as eight bytes whose order is the order of the numbers: what a key in state needs. */

import { latin1Slice } from './bytes.ts'

const view = Buffer.alloc(8)

/** A binary string. -0 is written as 0, so that equal numbers are equal bytes. */
export function encodeOrderedNumber(value: number): string {
  view.writeDoubleBE(value === 0 ? 0 : value)
  flip(view[0]! & 0x80 ? 0xff : 0)
  return latin1Slice(view, 0, 8)
}

export function decodeOrderedNumber(binary: string): number {
  view.write(binary, 'latin1')
  flip(view[0]! & 0x80 ? 0 : 0xff)
  return view.readDoubleBE()
}

/**
 * IEEE 754 orders positive numbers by their bytes, and negative ones the other way round: those have all bits turned, the
 * others the sign only.
 */
function flip(mask: number): void {
  view[0] = view[0]! ^ (mask | 0x80)
  if (mask !== 0) for (let i = 1; i < 8; i++) view[i] = view[i]! ^ mask
}
