/** Makes a segment file: a worker's changes between two cuts, one slice per task, and merged slices that ride along. */
import { createHash } from 'node:crypto'
import { assert } from '../../common/assert.ts'
import { type Clock, systemClock } from '../../common/clock.ts'
import { crc32c } from '../../common/crc32c.ts'
import { TimeSlice } from '../../common/time-slice.ts'
import type { StateChanges } from '../../records/state-changes.ts'
import type { SegmentSlice } from '../manifest.ts'
import { type IndexedSlice, indexedSlice, type SegmentIndex } from './block-marks.ts'
import { type EncodedSlice, SliceEncoder } from './encode-slice.ts'
import { FILE_HEADER_BYTES, FILE_MAGIC, FOOTER_BYTES, FOOTER_MAGIC, FORMAT_VERSION } from './segment-format.ts'

export interface EncodeSegmentOptions {
  readonly signal?: AbortSignal
  readonly clock?: Clock
  /** Behind the changes: what compaction has made of older ones. */
  readonly merged?: readonly EncodedSlice[]
}

export interface EncodedSegment {
  /** The file's content, in order. */
  readonly chunks: Buffer[]
  readonly bytes: number
  /** Of the whole file, hex. */
  readonly sha256: string
  /** In the order of `changes`; a task without changes has none. */
  readonly slices: SegmentSlice[]
  /** In the order of `merged`. */
  readonly merged: SegmentSlice[]
}

/** @param changes at most one of each task. Gives way between blocks, so holds the event loop for some 2 ms at most. */
export async function encodeSegment(
  changes: readonly StateChanges[],
  { signal, clock = systemClock, merged = [] }: EncodeSegmentOptions = {},
): Promise<EncodedSegment> {
  assert(new Set(changes.map(({ task }) => task)).size === changes.length, 'a segment has one slice of changes per task')
  const chunks = [fileHeader()]
  let offset = FILE_HEADER_BYTES
  const place = ({ task, bytes, entries, marks = [], chunks: own }: EncodedSlice, index: IndexedSlice[]): SegmentSlice => {
    const slice = { task, offset, bytes, entries }
    offset += bytes
    for (const chunk of own) chunks.push(chunk)
    index.push(indexedSlice(slice, marks))
    return slice
  }
  const slices: SegmentSlice[] = []
  const index = { slices: [] as IndexedSlice[], merged: [] as IndexedSlice[] }
  for (const part of changes) {
    if (part.keys.length === 0) continue
    const encoder = new SliceEncoder(part.task, clock)
    await encoder.add(part, signal)
    slices.push(place(encoder.finish(), index.slices))
  }
  const mergedSlices = merged.map((slice) => place(slice, index.merged))
  const tail = indexAndFooter(index, offset)
  chunks.push(...tail)
  const bytes = offset + tail.reduce((sum, { length }) => sum + length, 0)
  return { chunks, bytes, sha256: await digest(chunks, clock), slices, merged: mergedSlices }
}

function fileHeader(): Buffer {
  const header = Buffer.alloc(FILE_HEADER_BYTES)
  FILE_MAGIC.copy(header)
  header.writeUInt16BE(FORMAT_VERSION, 8)
  return header
}

function indexAndFooter({ slices, merged = [] }: SegmentIndex, offset: number): [Buffer, Buffer] {
  const index = Buffer.from(JSON.stringify({ slices, ...(merged.length > 0 && { merged }) }))
  const footer = Buffer.alloc(FOOTER_BYTES)
  footer.writeBigUInt64BE(BigInt(offset), 0)
  footer.writeUInt32BE(index.length, 8)
  footer.writeUInt32BE(crc32c(index), 12)
  footer.writeUInt16BE(FORMAT_VERSION, 16)
  FOOTER_MAGIC.copy(footer, 20)
  return [index, footer]
}

async function digest(chunks: readonly Buffer[], clock: Clock): Promise<string> {
  const timeSlice = new TimeSlice(clock)
  const hash = createHash('sha256')
  for (const chunk of chunks) {
    if (timeSlice.isOver) await timeSlice.giveWay()
    hash.update(chunk)
  }
  return hash.digest('hex')
}
