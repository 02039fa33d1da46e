/** Reads a task's slice of a segment back, in ascending order of keys. */
import type { StateChanges } from '../../records/state-changes.ts'
import { type PartReader, type SlicePlace, SliceReader } from './slice-reader.ts'

/** Bytes [start, end) of a file. */
export type RangeReader = (start: number, end: number) => Promise<Buffer>

const WINDOW_BYTES = 1024 * 1024

/**
 * @param bytes exactly the slice's byte range
 * @throws MR_SEGMENT_CORRUPT, MR_SEGMENT_UNKNOWN_VERSION
 */
export function* decodeSlice(bytes: Buffer, place: SlicePlace): Generator<StateChanges> {
  const reader = new SliceReader(place)
  let at = 0
  while (!reader.isAtEnd) {
    const needed = reader.neededBytes(bytes, at)
    if (needed > bytes.length - at) throw reader.wrongLength(bytes.length - at, needed)
    const changes = reader.read(bytes, at)
    at += needed
    if (changes !== null) yield changes
  }
  if (at !== bytes.length) throw reader.wrongLength(bytes.length - at, 0)
}

/** The same, fetched in windows: for slices too large to hold in memory, a window being fetched ahead. */
export function streamSlice(
  read: RangeReader,
  { offset, bytes }: { readonly offset: number; readonly bytes: number },
  place: SlicePlace,
  windowBytes = WINDOW_BYTES,
): AsyncGenerator<StateChanges> {
  return streamParts(read, { start: offset, end: offset + bytes }, new SliceReader(place), windowBytes)
}

export async function* streamParts(
  read: RangeReader,
  { start, end }: { readonly start: number; readonly end: number },
  reader: PartReader,
  windowBytes: number,
): AsyncGenerator<StateChanges> {
  const fetch = (from: number): Promise<Buffer> => {
    const fetched = from < end ? read(from, Math.min(from + windowBytes, end)) : Promise.resolve(Buffer.alloc(0))
    // It is awaited later; until then a rejection must not count as unhandled.
    fetched.catch(() => {})
    return fetched
  }
  let fetched = start
  let ahead = fetch(start)
  let buffer: Buffer = Buffer.alloc(0)
  let at = 0
  while (!reader.isAtEnd) {
    const needed = reader.neededBytes(buffer, at)
    if (needed <= buffer.length - at) {
      const changes = reader.read(buffer, at)
      at += needed
      if (changes !== null) yield changes
      continue
    }
    const window = await ahead
    if (window.length === 0) throw reader.wrongLength(buffer.length - at, needed)
    fetched += window.length
    ahead = fetch(fetched)
    buffer = at === buffer.length ? window : Buffer.concat([buffer.subarray(at), window])
    at = 0
  }
  const unread = end - fetched + buffer.length - at
  if (unread !== 0) throw reader.wrongLength(unread, 0)
}
