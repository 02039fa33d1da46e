/** Makes the segment file of a worker's changes between two cuts: one slice per task, each decodable alone. */
import { createHash } from 'node:crypto'
import { assert } from '../../common/assert.ts'
import { type Clock, systemClock } from '../../common/clock.ts'
import { crc32c } from '../../common/crc32c.ts'
import { TimeSlice } from '../../common/time-slice.ts'
import type { StateChanges } from '../../records/state-changes.ts'
import type { TaskKey } from '../../records/task-id.ts'
import type { SegmentSlice } from '../manifest.ts'
import { BlockEncoder } from './block-encoder.ts'
import {
  FILE_HEADER_BYTES,
  FILE_MAGIC,
  FOOTER_BYTES,
  FOOTER_MAGIC,
  FORMAT_VERSION,
  SLICE_HEADER_BYTES,
  SLICE_MAGIC,
} from './segment-format.ts'

export interface EncodeSegmentOptions {
  readonly signal?: AbortSignal
  readonly clock?: Clock
}

export interface EncodedSegment {
  /** The file's content, in order. */
  readonly chunks: Buffer[]
  readonly bytes: number
  /** Of the whole file, hex. */
  readonly sha256: string
  /** In the order of `changes`; a task without changes has none. */
  readonly slices: SegmentSlice[]
}

/** @param changes at most one of each task. Gives way between blocks, so holds the event loop for some 2 ms at most. */
export async function encodeSegment(
  changes: readonly StateChanges[],
  { signal, clock = systemClock }: EncodeSegmentOptions = {},
): Promise<EncodedSegment> {
  assert(new Set(changes.map(({ task }) => task)).size === changes.length, 'a segment has one slice per task')
  const encoder = new BlockEncoder()
  const timeSlice = new TimeSlice(clock)
  const chunks = [fileHeader()]
  const slices: SegmentSlice[] = []
  let offset = FILE_HEADER_BYTES
  for (const part of changes) {
    const entries = part.keys.length
    if (entries === 0) continue
    const blocks: Buffer[] = []
    let blockCount = 0
    for (let at = 0; at < entries; blockCount++) {
      if (timeSlice.isOver) await timeSlice.giveWay()
      signal?.throwIfAborted()
      const block = await encoder.encode(part, at)
      blocks.push(block.header, block.payload)
      at += block.entries
    }
    const sliceChunks = [sliceHeader(part.task, blockCount, entries), ...blocks]
    const bytes = totalBytes(sliceChunks)
    slices.push({ task: part.task, offset, bytes, entries })
    offset += bytes
    for (const chunk of sliceChunks) chunks.push(chunk)
  }
  chunks.push(...indexAndFooter(slices, offset))
  const sha256 = await digest(chunks, timeSlice)
  return { chunks, bytes: totalBytes(chunks), sha256, slices }
}

function fileHeader(): Buffer {
  const header = Buffer.alloc(FILE_HEADER_BYTES)
  FILE_MAGIC.copy(header)
  header.writeUInt16BE(FORMAT_VERSION, 8)
  return header
}

function sliceHeader(task: TaskKey, blocks: number, entries: number): Buffer {
  const name = Buffer.from(task)
  const header = Buffer.alloc(SLICE_HEADER_BYTES + name.length)
  SLICE_MAGIC.copy(header)
  header.writeUInt16BE(FORMAT_VERSION, 4)
  header.writeUInt16BE(name.length, 6)
  header.writeUInt32BE(blocks, 8)
  header.writeUInt32BE(entries, 12)
  name.copy(header, SLICE_HEADER_BYTES)
  header.writeUInt32BE(crc32c(name, crc32c(header.subarray(0, 16))), 16)
  return header
}

function indexAndFooter(slices: readonly SegmentSlice[], offset: number): [Buffer, Buffer] {
  const index = Buffer.from(JSON.stringify({ slices }))
  const footer = Buffer.alloc(FOOTER_BYTES)
  footer.writeBigUInt64BE(BigInt(offset), 0)
  footer.writeUInt32BE(index.length, 8)
  footer.writeUInt32BE(crc32c(index), 12)
  footer.writeUInt16BE(FORMAT_VERSION, 16)
  FOOTER_MAGIC.copy(footer, 20)
  return [index, footer]
}

async function digest(chunks: readonly Buffer[], timeSlice: TimeSlice): Promise<string> {
  const hash = createHash('sha256')
  for (const chunk of chunks) {
    if (timeSlice.isOver) await timeSlice.giveWay()
    hash.update(chunk)
  }
  return hash.digest('hex')
}

function totalBytes(chunks: readonly Buffer[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0)
}
