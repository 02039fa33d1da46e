/** Reads of a slice only the keys of a range. */
import { changesInRange, type KeyRange } from '../../records/changes-in-range.ts'
import type { StateChanges } from '../../records/state-changes.ts'
import { type BlockMark, markedRange } from './block-marks.ts'
import { BlockRangeReader } from './block-range-reader.ts'
import { type RangeReader, streamParts, streamSlice } from './decode-slice.ts'
import type { SlicePlace } from './slice-reader.ts'

export interface SliceRange {
  readonly offset: number
  readonly bytes: number
  readonly keys: KeyRange
  /** Of its blocks, from the index of its file. Without: it is read from its beginning on. */
  readonly marks: readonly BlockMark[]
}

/** @throws MR_SEGMENT_CORRUPT, MR_SEGMENT_UNKNOWN_VERSION */
export async function* streamRange(
  read: RangeReader,
  { offset, bytes, keys, marks }: SliceRange,
  place: SlicePlace,
  windowBytes: number,
): AsyncGenerator<StateChanges> {
  for await (const changes of blocksOf()) {
    const part = changesInRange(changes, keys)
    if (part.keys.length > 0) yield part
    if (keys.to !== null && changes.keys.at(-1)! >= keys.to) return
  }

  function blocksOf(): AsyncGenerator<StateChanges> {
    if (marks.length === 0) return streamSlice(read, { offset, bytes }, place, windowBytes)
    const { start, end, firstBlock } = markedRange(marks, keys.from, keys.to, bytes)
    const reader = new BlockRangeReader(place, Math.max(0, end - start), firstBlock)
    return streamParts(read, { start: offset + start, end: offset + end }, reader, windowBytes)
  }
}
