/**
 * Spreads records in flight over another number of partitions. Records of a key lie in one partition, before and behind it,
 * so they stay in their order.
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
import { valueDecoder, valueEncoder } from '../../state/frame-values.ts'

const FRAME_BYTES = 64 * 1024
const FIRST_BYTES = 4 * 1024
/** What all new partitions together may hold encoded. */
const OPEN_BYTES = 32 * 1024 * 1024

/** The bytes of a value as they are: what a codec writes leans on nothing else of its frame. */
const asBytes: ValueCodec<Buffer> = {
  name: 'bytes',
  version: 1,
  encode: (value, out) => out.bytes(value),
  decode: (buffer, start, end) => buffer.subarray(start, end),
}

export async function spreadFrames(
  writer: SavepointWriter,
  reader: SavepointReader,
  exchange: string,
  partitions: number,
): Promise<void> {
  const codec = reader.metadata.exchanges[exchange]?.values === ROW_VALUES ? undefined : (asBytes as ValueCodec<unknown>)
  const frames = new RecordsFrameDecoder()
  const values = valueDecoder(codec)
  const outputs = Array.from({ length: partitions }, () => ({
    frame: new RecordsFrameEncoder(FIRST_BYTES),
    values: valueEncoder(codec),
    pieces: new FramesEncoder(systemClock),
  }))
  const limitBytes = OPEN_BYTES / partitions
  const finishFrame = async (partition: number) => {
    const output = outputs[partition]!
    if (output.frame.count === 0) return
    const { buffer, start, end } = output.frame.finish()
    await output.pieces.add(buffer.subarray(start, end))
    output.values.begin()
    if (output.pieces.bytes >= limitBytes) await writer.addEncodedFrames(exchange, partition, await output.pieces.finish())
  }
  const old = Object.keys(reader.metadata.inFlight[exchange] ?? {}).map(Number)
  for (const partition of old.sort((a, b) => a - b)) {
    for await (const bytes of reader.frames(exchange, partition)) {
      const { count, keyStarts, keyEnds, valueStarts, valueEnds, timestamps } = frames.decode(bytes, 0, bytes.length)
      values.begin()
      for (let i = 0; i < count; i++) {
        const key = latin1Slice(bytes, keyStarts[i]!, keyEnds[i]!)
        const to = partitionForKey(murmur2Latin1(key), partitions)
        const output = outputs[to]!
        output.frame.add(key, timestamps[i]!, output.values, values.decode(bytes, valueStarts[i]!, valueEnds[i]!))
        if (output.frame.byteLength >= FRAME_BYTES) await finishFrame(to)
      }
    }
  }
  for (const [partition, { pieces }] of outputs.entries()) {
    await finishFrame(partition)
    await writer.addEncodedFrames(exchange, partition, await pieces.finish())
  }
}
