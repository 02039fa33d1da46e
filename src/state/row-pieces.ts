/** Takes values from frames and puts them into others as they stand (row-format.ts): neither fields nor MessagePack are decoded. */
import type { ByteWriter } from '../common/byte-writer.ts'
import { latin1Slice } from '../common/bytes.ts'
import { damagedFrame } from '../records/exchange-frame.ts'
import type { FrameValueDecoder, FrameValueEncoder } from './frame-values.ts'
import { definitionRange, MAX_SHAPES, WHOLE } from './row-format.ts'

export interface RowPiece {
  /** Of its shape, a binary string; null: it is no row. */
  readonly definition: string | null
  /** What follows the number, and the definition where there is one. Lies in the frame that it was taken from. */
  readonly body: Buffer
}

export class RowPieceDecoder implements FrameValueDecoder {
  /** Of this frame, in order. */
  readonly #definitions: string[] = []

  begin(): void {
    this.#definitions.length = 0
  }

  /** Throws MR_EXCHANGE_FRAME_DAMAGED. */
  decode(buffer: Buffer, start: number, end: number): RowPiece {
    if (start >= end) throw damagedFrame('records', 'a value has no bytes')
    const number = buffer[start]!
    if (number === WHOLE) return { definition: null, body: buffer.subarray(start + 1, end) }
    const known = this.#definitions[number - 1]
    if (known !== undefined) return { definition: known, body: buffer.subarray(start + 1, end) }
    const [from, to] = definitionRange(number, this.#definitions.length, buffer, start + 1, end)
    const definition = latin1Slice(buffer, from, to)
    this.#definitions.push(definition)
    return { definition, body: buffer.subarray(to, end) }
  }
}

export class RowPieceEncoder implements FrameValueEncoder {
  /** Definition → number, of this frame. */
  readonly #numbers = new Map<string, number>()

  begin(): void {
    this.#numbers.clear()
  }

  /** False: it goes into the next frame. Any one value fits an empty frame. */
  hasRoomFor({ definition }: RowPiece): boolean {
    return definition === null || this.#numbers.size < MAX_SHAPES || this.#numbers.has(definition)
  }

  encode(value: unknown, out: ByteWriter): void {
    const { definition, body } = value as RowPiece
    const known = definition === null ? WHOLE : this.#numbers.get(definition)
    if (definition === null || known !== undefined) {
      const at = out.reserve(1)
      out.buffer[at] = known ?? WHOLE
      out.position = at + 1
    } else {
      const number = this.#numbers.size + 1
      this.#numbers.set(definition, number)
      const at = out.reserve(3 + definition.length)
      out.buffer[at] = number
      out.buffer.writeUInt16BE(definition.length, at + 1)
      out.buffer.write(definition, at + 3, 'latin1')
      out.position = at + 3 + definition.length
    }
    out.bytes(body)
  }
}
