/**
 * The changes of one task's state between two cuts, encoded: what a sealed overlay becomes, what a segment holds and
 * what a backend applies. A structure of arrays, because there may be hundreds of thousands of them a second.
 *
 * Keys are "binary strings": one char (0x00 to 0xff) per byte, written and read as latin1. Comparing two of them with
 * `<` compares their bytes, and they can be keys of a Map; neither is true of a Buffer.
 */
import type { TaskKey } from './task-id.ts'

export interface StateChanges {
  readonly task: TaskKey
  /** Sorted ascending by bytes, without repeats. The full state key: state id · key · namespace. */
  readonly keys: readonly string[]
  /** The encoded values, one behind another in any order. */
  readonly values: Buffer
  /** Where the value of `keys[i]` begins in `values`; -1: the key is deleted. */
  readonly valueStarts: ArrayLike<number>
  readonly valueEnds: ArrayLike<number>
  /** When the value of `keys[i]` expires, ms since 1970; 0: never. Absent: none of them does. */
  readonly expiresAtMs?: ArrayLike<number>
}
