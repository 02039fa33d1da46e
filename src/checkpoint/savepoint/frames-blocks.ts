/**
 * Frames of an exchange in blocks: a block is that of a segment (segment/segment-format.ts) around
 *
 *   uint32   bytes of the frame, big-endian
 *   bytes    the frame
 *
 * one behind another. A range of whole blocks can be read from its own bytes alone.
 */
import type { Clock } from '../../common/clock.ts'
import { TimeSlice } from '../../common/time-slice.ts'
import { readBlockHeader, unpackBlock } from '../segment/block-decoder.ts'
import { packBlock } from '../segment/block-encoder.ts'
import type { RangeReader } from '../segment/decode-slice.ts'
import { corruptSegment } from '../segment/segment-errors.ts'
import { BLOCK_HEADER_BYTES } from '../segment/segment-format.ts'

export const FRAMES_MAGIC = Buffer.from('MRFRAMES')
export const FRAMES_VERSION = 1

/** A block is closed when it reaches this. */
const BLOCK_BYTES = 256 * 1024

export interface EncodedFrames {
  readonly frames: number
  readonly bytes: number
  readonly chunks: readonly Buffer[]
}

/** Bytes 0 to 7 the magic, 8 and 9 the version, 10 and 11 reserved. */
export function framesHeader(): Buffer {
  const header = Buffer.alloc(12)
  FRAMES_MAGIC.copy(header)
  header.writeUInt16BE(FRAMES_VERSION, 8)
  return header
}

/** Gathers frames into blocks. */
export class FramesEncoder {
  private readonly timeSlice: TimeSlice
  private parts: Buffer[] = []
  private partBytes = 0
  private chunks: Buffer[] = []
  private blockBytes = 0
  private frames = 0

  constructor(clock: Clock) {
    this.timeSlice = new TimeSlice(clock)
  }

  /** Of whole blocks so far. */
  get bytes(): number {
    return this.blockBytes
  }

  /** Behind those that were added before. The frame is copied. Undefined: there is nothing to wait for. */
  add(frame: Buffer): Promise<void> | undefined {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(frame.length)
    this.parts.push(length, Buffer.from(frame))
    this.partBytes += frame.length
    return this.partBytes < BLOCK_BYTES ? undefined : this.closeBlock()
  }

  /** Ends the piece; without frames if none was added. What is added later is another one. */
  async finish(): Promise<EncodedFrames> {
    if (this.parts.length > 0) await this.closeBlock()
    const piece = { frames: this.frames, bytes: this.blockBytes, chunks: this.chunks }
    this.chunks = []
    this.blockBytes = this.frames = 0
    return piece
  }

  private async closeBlock(): Promise<void> {
    const { parts } = this
    this.parts = []
    this.partBytes = 0
    const { header, payload } = await packBlock(Buffer.concat(parts), parts.length / 2)
    this.chunks.push(header, payload)
    this.blockBytes += header.length + payload.length
    this.frames += parts.length / 2
    if (this.timeSlice.isOver) await this.timeSlice.giveWay()
  }
}

/** Pieces of whole blocks, each closed when it reaches `limitBytes`; none where there are no frames. Frames are copied. */
export async function* encodeFrames(
  source: AsyncIterable<Buffer>,
  limitBytes: number,
  clock: Clock,
): AsyncGenerator<EncodedFrames> {
  const encoder = new FramesEncoder(clock)
  for await (const frame of source) {
    const closed = encoder.add(frame)
    if (closed !== undefined) await closed
    if (encoder.bytes >= limitBytes) yield await encoder.finish()
  }
  const last = await encoder.finish()
  if (last.frames > 0) yield last
}

/**
 * The frames of a range, in their order.
 * @throws MR_SEGMENT_CORRUPT
 */
export async function* readFrames(
  read: RangeReader,
  { offset, bytes, entries }: { readonly offset: number; readonly bytes: number; readonly entries: number },
  path: string,
): AsyncGenerator<Buffer> {
  const end = offset + bytes
  let found = 0
  for (let at = offset, block = 0; at < end; block++) {
    const place = { path, block }
    const header = await read(at, at + BLOCK_HEADER_BYTES)
    if (header.length < BLOCK_HEADER_BYTES) throw corruptSegment(place, 'it is cut off')
    const blockEnd = at + BLOCK_HEADER_BYTES + readBlockHeader(header, 0).payloadBytes
    const whole = blockEnd > end ? Buffer.alloc(0) : await read(at, blockEnd)
    if (whole.length !== blockEnd - at) throw corruptSegment(place, 'it is cut off')
    const { raw, entries: frames } = unpackBlock(whole, 0, place)
    let position = 0
    for (let i = 0; i < frames; i++) {
      const frameEnd = position + 4 > raw.length ? Number.POSITIVE_INFINITY : position + 4 + raw.readUInt32BE(position)
      if (frameEnd > raw.length) throw corruptSegment(place, `frame ${i} is malformed`)
      yield raw.subarray(position + 4, frameEnd)
      position = frameEnd
    }
    if (position !== raw.length) throw corruptSegment(place, `${raw.length - position} bytes too many`)
    found += frames
    at = blockEnd
  }
  if (found !== entries) throw corruptSegment({ path }, `${found} frames where it should have ${entries}`)
}
