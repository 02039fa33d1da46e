/** How a state value becomes bytes. Name and version stand in every checkpoint: other ones are refused at restore. */
import type { ByteWriter } from '../common/byte-writer.ts'

export interface ValueCodec<V> {
  readonly name: string
  readonly version: number
  /** Writes the value. Must not keep a reference to it. */
  encode(value: V, out: ByteWriter): void
  /** Reads bytes [start, end). The buffer is only lent. */
  decode(buffer: Buffer, start: number, end: number): V
}
