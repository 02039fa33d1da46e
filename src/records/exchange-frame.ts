/**
 * What travels through an exchange: frames of bytes, of three kinds. Records (records-frame.ts), the barrier of a
 * checkpoint, and a watermark. The first byte of a frame holds the format's version (high four bits) and the kind (low
 * four); a reader refuses what it does not know, and reads nothing before it has checked that it is there.
 *
 * | barrier | bytes |                                          | watermark | bytes |
 * | ---     | ---   | ---                                      | ---       | ---   |
 * | 0       | 1     | 0x12                                     | 0         | 0x13  |
 * | 1       | 1     | 0 periodic, 1 final (R15)                | 1         | the watermark: float64 |
 * | 2       | 8     | number of the checkpoint: float64        |
 * | 10      | 8     | the writer's watermark at the cut: float64 |
 *
 * Numbers are big-endian. A watermark is ms since 1970, -Infinity before the first record, +Infinity behind the last one.
 */
import { assert, defined } from '../common/assert.ts'
import { MillraceError } from '../common/errors.ts'

export const FRAME_VERSION = 1

/** The name of how values are written where a `keyBy` names no codec (src/state/row-format.ts). Another format needs another name. */
export const ROW_VALUES = 'row-1'

export type FrameKind = 'records' | 'barrier' | 'watermark'

/** By the low four bits of a frame's first byte. */
const KINDS: ReadonlyArray<FrameKind | undefined> = [undefined, 'records', 'barrier', 'watermark']

export const RECORDS_FRAME = (FRAME_VERSION << 4) | 1
const BARRIER_FRAME = (FRAME_VERSION << 4) | 2
const WATERMARK_FRAME = (FRAME_VERSION << 4) | 3

const BARRIER_BYTES = 18
const WATERMARK_BYTES = 9

export type BarrierKind = 'periodic' | 'final'
const BARRIER_KINDS: readonly BarrierKind[] = ['periodic', 'final']

export interface BarrierFrame {
  readonly checkpoint: number
  readonly kind: BarrierKind
  /** Of the writer, at the cut: what its channel stands at for a reader that restores from here (R21). */
  readonly watermark: number
}

/** What the frame at [start, end) is. Throws MR_EXCHANGE_FRAME_UNKNOWN. */
export function frameKind(buffer: Buffer, start: number, end: number): FrameKind {
  const first = start < end ? buffer[start] : undefined
  const kind = first === undefined || first >> 4 !== FRAME_VERSION ? undefined : KINDS[first & 0x0f]
  if (kind !== undefined) return kind
  const found = first === undefined ? 'nothing' : `0x${first.toString(16).padStart(2, '0')}`
  throw new MillraceError('MR_EXCHANGE_FRAME_UNKNOWN', `an exchange frame begins with ${found}`, {
    details: { firstByte: first ?? null, bytes: end - start },
  })
}

export function encodeBarrier({ checkpoint, kind, watermark }: BarrierFrame): Buffer {
  assert(Number.isSafeInteger(checkpoint) && checkpoint >= 0, 'a checkpoint has a number')
  assert(isWatermark(watermark), 'a watermark is a time in ms')
  const frame = Buffer.allocUnsafe(BARRIER_BYTES)
  frame[0] = BARRIER_FRAME
  frame[1] = BARRIER_KINDS.indexOf(kind)
  frame.writeDoubleBE(checkpoint, 2)
  frame.writeDoubleBE(watermark, 10)
  return frame
}

/** Of a frame whose kind is `barrier`. Throws MR_EXCHANGE_FRAME_DAMAGED. */
export function decodeBarrier(buffer: Buffer, start: number, end: number): BarrierFrame {
  if (end - start !== BARRIER_BYTES) throw damagedFrame('barrier', `it has ${end - start} bytes, not ${BARRIER_BYTES}`)
  const kind = BARRIER_KINDS[defined(buffer[start + 1], 'a byte of the frame')]
  const checkpoint = buffer.readDoubleBE(start + 2)
  const watermark = buffer.readDoubleBE(start + 10)
  if (kind === undefined) throw damagedFrame('barrier', `its kind is ${buffer[start + 1]}`)
  if (!Number.isSafeInteger(checkpoint) || checkpoint < 0) throw damagedFrame('barrier', `its checkpoint is ${checkpoint}`)
  if (!isWatermark(watermark)) throw damagedFrame('barrier', `its watermark is ${watermark}`)
  return { checkpoint, kind, watermark }
}

export function encodeWatermark(watermark: number): Buffer {
  assert(isWatermark(watermark), 'a watermark is a time in ms')
  const frame = Buffer.allocUnsafe(WATERMARK_BYTES)
  frame[0] = WATERMARK_FRAME
  frame.writeDoubleBE(watermark, 1)
  return frame
}

/** Of a frame whose kind is `watermark`. Throws MR_EXCHANGE_FRAME_DAMAGED. */
export function decodeWatermark(buffer: Buffer, start: number, end: number): number {
  if (end - start !== WATERMARK_BYTES) throw damagedFrame('watermark', `it has ${end - start} bytes, not ${WATERMARK_BYTES}`)
  const watermark = buffer.readDoubleBE(start + 1)
  if (!isWatermark(watermark)) throw damagedFrame('watermark', `it is ${watermark}`)
  return watermark
}

export function damagedFrame(kind: FrameKind, what: string): MillraceError {
  return new MillraceError('MR_EXCHANGE_FRAME_DAMAGED', `a frame of kind ${kind} is damaged: ${what}`, { details: { kind } })
}

function isWatermark(value: number): boolean {
  return Number.isSafeInteger(value) || value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY
}
