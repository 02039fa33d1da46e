/** How a state value becomes bytes. Name and version stand in every checkpoint: other ones are refused at restore. */
import type { ByteWriter } from '../common/byte-writer.ts'

/** Of states, and so of their codecs: one byte in front of each value. The lowest is 1. */
export const HIGHEST_STATE_VERSION = 255

export interface ValueCodec<V> {
  readonly name: string
  readonly version: number
  /** Writes the value. Must not keep a reference to it. */
  encode(value: V, out: ByteWriter): void
  /** Reads bytes [start, end). The buffer is only lent. */
  decode(buffer: Buffer, start: number, end: number): V
}
