/** How the values of an exchange's frames are written and read: by the user's codec, or as rows. */
import type { ByteWriter } from '../common/byte-writer.ts'
import type { ValueCodec } from '../ports/value-codec.ts'
import { RowDecoder } from './row-decoder.ts'
import { RowEncoder } from './row-encoder.ts'

/** Of one partition. A value that could not be written (it threw) is none of the frame. */
export interface FrameValueEncoder {
  /** The frame is finished: what is written next is the first value of another. */
  begin(): void
  encode(value: unknown, out: ByteWriter): void
}

/** Of any number of partitions: frames are read one after another. */
export interface FrameValueDecoder {
  /** Before the first value of each frame. */
  begin(): void
  /** All values of a frame are read, in order. */
  decode(buffer: Buffer, start: number, end: number): unknown
}

export function valueEncoder(codec: ValueCodec<unknown> | undefined): FrameValueEncoder {
  return codec === undefined ? new RowEncoder() : { begin() {}, encode: (value, out) => codec.encode(value, out) }
}

export function valueDecoder(codec: ValueCodec<unknown> | undefined): FrameValueDecoder {
  if (codec === undefined) return new RowDecoder()
  return { begin() {}, decode: (buffer, start, end) => codec.decode(buffer, start, end) }
}
