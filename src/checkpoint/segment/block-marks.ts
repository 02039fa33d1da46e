/**
 * Where the blocks of a large slice begin, and from which key on: what the index at the end of a segment holds, so that one
 * key, or one state, is found without reading the slice. A restore reads all of it anyway.
 */
import type { SegmentSlice } from '../manifest.ts'

/** One block. It holds no key below `key`, and those before it none from `key` on. */
export interface BlockMark {
  /** Counted from where the slice begins. */
  readonly at: number
  readonly key: string
}

/** A slice in the index. `blocks`: for each block where it begins, counted from the slice's beginning, and its key in base64. */
export interface IndexedSlice extends SegmentSlice {
  readonly blocks?: readonly (readonly [at: number, key: string])[]
}

export interface SegmentIndex {
  readonly slices: readonly IndexedSlice[]
  readonly merged?: readonly IndexedSlice[]
}

/** A slice of fewer blocks is read as a whole: one request costs more than its bytes. */
const MARKED_FROM_BLOCKS = 4

export function indexedSlice(slice: SegmentSlice, marks: readonly BlockMark[]): IndexedSlice {
  if (marks.length < MARKED_FROM_BLOCKS) return slice
  return { ...slice, blocks: marks.map(({ at, key }) => [at, Buffer.from(key, 'latin1').toString('base64')]) }
}

export function marksOf({ blocks = [] }: IndexedSlice): BlockMark[] {
  return blocks.map(([at, key]) => ({ at, key: Buffer.from(key, 'base64').toString('latin1') }))
}

/** The shortest text that is above the last key of one block and not above the first of the next; of the first block its key. */
export function separator(last: string | null, first: string): string {
  if (last === null) return first
  let shared = 0
  while (shared < last.length && last.charCodeAt(shared) === first.charCodeAt(shared)) shared++
  return first.slice(0, shared + 1)
}

/**
 * The bytes of a slice, counted from its beginning, whose blocks may hold keys of [from, to).
 *
 * @param marks at least one
 */
export function markedRange(
  marks: readonly BlockMark[],
  from: string,
  to: string | null,
  sliceBytes: number,
): { readonly start: number; readonly end: number; readonly firstBlock: number } {
  const after = (key: string) => {
    let low = 0
    let high = marks.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (marks[middle]!.key <= key) low = middle + 1
      else high = middle
    }
    return low
  }
  const firstBlock = Math.max(0, after(from) - 1)
  // A block that begins with `to` itself is behind.
  let behind = to === null ? marks.length : after(to)
  if (behind > 0 && marks[behind - 1]!.key === to) behind--
  return { start: marks[firstBlock]!.at, end: marks[behind]?.at ?? sliceBytes, firstBlock }
}
