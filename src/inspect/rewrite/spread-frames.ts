/**
 * Spreads records in flight over another number of partitions. Records of a key lie in one partition, before and behind it,
 * so they stay in their order. Their values are taken as they stand.
 */
import { FramesEncoder } from '../../checkpoint/savepoint/frames-blocks.ts'
import type { SavepointReader } from '../../checkpoint/savepoint/savepoint-reader.ts'
import type { SavepointWriter } from '../../checkpoint/savepoint/savepoint-writer.ts'
import { latin1Slice } from '../../common/bytes.ts'
import { systemClock } from '../../common/clock.ts'
import { murmur2Latin1, partitionForKey } from '../../common/murmur2.ts'
import type { ValueCodec } from '../../ports/value-codec.ts'
import { ROW_VALUES } from '../../records/exchange-frame.ts'
import { RecordsFrameDecoder, RecordsFrameEncoder } from '../../records/records-frame.ts'
import { type FrameValueDecoder, type FrameValueEncoder, valueDecoder, valueEncoder } from '../../state/frame-values.ts'
import { type RowPiece, RowPieceDecoder, RowPieceEncoder } from '../../state/row-pieces.ts'

const FRAME_BYTES = 64 * 1024
const FIRST_BYTES = 1024
/** What all new partitions together may gather. */
const OPEN_BYTES = 16 * 1024 * 1024

interface Values {
  readonly encoder: FrameValueEncoder
  hasRoomFor(value: unknown): boolean
}

/** The bytes of a value as they are: what a codec writes leans on nothing else of its frame. */
const asBytes: ValueCodec<unknown> = {
  name: 'bytes',
  version: 1,
  encode: (value, out) => out.bytes(value as Buffer),
  decode: (buffer, start, end) => buffer.subarray(start, end),
}

function rowPieces(): Values {
  const encoder = new RowPieceEncoder()
  return { encoder, hasRoomFor: (value) => encoder.hasRoomFor(value as RowPiece) }
}

/** A new partition, as far as it is not written yet. */
class Output {
  readonly frame = new RecordsFrameEncoder(FIRST_BYTES)
  readonly pieces = new FramesEncoder(systemClock)
  private readonly values: Values

  constructor(values: Values) {
    this.values = values
  }

  async add(key: string, timestamp: number, value: unknown): Promise<void> {
    const { frame, values } = this
    if (frame.byteLength >= FRAME_BYTES || !values.hasRoomFor(value)) await this.finishFrame()
    frame.add(key, timestamp, values.encoder, value)
  }

  async finishFrame(): Promise<void> {
    if (this.frame.count === 0) return
    const { buffer, start, end } = this.frame.finish()
    await this.pieces.add(buffer.subarray(start, end))
    this.values.encoder.begin()
  }
}

export async function spreadFrames(
  writer: SavepointWriter,
  reader: SavepointReader,
  exchange: string,
  partitions: number,
): Promise<void> {
  const isRows = reader.metadata.exchanges[exchange]?.values === ROW_VALUES
  const values: FrameValueDecoder = isRows ? new RowPieceDecoder() : valueDecoder(asBytes)
  const outputs = Array.from(
    { length: partitions },
    () => new Output(isRows ? rowPieces() : { encoder: valueEncoder(asBytes), hasRoomFor: () => true }),
  )
  const writeAll = async () => {
    for (const [partition, output] of outputs.entries()) {
      await output.finishFrame()
      await writer.addEncodedFrames(exchange, partition, await output.pieces.finish())
    }
  }
  const frames = new RecordsFrameDecoder()
  let openBytes = 0
  const old = Object.keys(reader.metadata.inFlight[exchange] ?? {}).map(Number)
  for (const partition of old.sort((a, b) => a - b)) {
    for await (const bytes of reader.frames(exchange, partition)) {
      const { count, keyStarts, keyEnds, valueStarts, valueEnds, timestamps } = frames.decode(bytes, 0, bytes.length)
      values.begin()
      for (let i = 0; i < count; i++) {
        const key = latin1Slice(bytes, keyStarts[i]!, keyEnds[i]!)
        const output = outputs[partitionForKey(murmur2Latin1(key), partitions)]!
        await output.add(key, timestamps[i]!, values.decode(bytes, valueStarts[i]!, valueEnds[i]!))
      }
      openBytes += bytes.length
      if (openBytes < OPEN_BYTES) continue
      await writeAll()
      openBytes = 0
    }
  }
  await writeAll()
}
