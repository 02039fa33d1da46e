/**
 * The writing end of one exchange on one worker: gathers the records of all its tasks into a frame for each partition.
 * A value is encoded at once: what user code does with the object afterwards changes nothing.
 */
import { murmur2Latin1, partitionForKey } from '../common/murmur2.ts'
import type { ExchangeWriter } from '../ports/exchange.ts'
import type { ValueCodec } from '../ports/value-codec.ts'
import { RecordsFrameEncoder } from '../records/records-frame.ts'

/** A frame is finished at this size, or at the end of the batch that filled it. */
const FRAME_BYTES = 64 * 1024
/** Each partition has one: little while a job has many partitions. */
const FIRST_BYTES = 4 * 1024

export class ExchangeOutput {
  private readonly exchange: string
  private readonly writer: ExchangeWriter
  private readonly codec: ValueCodec<unknown>
  private readonly frames: readonly RecordsFrameEncoder[]

  constructor(exchange: string, writer: ExchangeWriter, codec: ValueCodec<unknown>, partitions: number) {
    this.exchange = exchange
    this.writer = writer
    this.codec = codec
    this.frames = Array.from({ length: partitions }, () => new RecordsFrameEncoder(FIRST_BYTES))
  }

  /** @param key a binary string */
  write(key: string, timestamp: number, value: unknown): void {
    const partition = partitionForKey(murmur2Latin1(key), this.frames.length)
    const frame = this.frames[partition]!
    frame.add(key, timestamp, this.codec, value)
    if (frame.byteLength >= FRAME_BYTES) this.finish(partition, frame)
  }

  /** At the end of a batch: everything goes on its way. */
  flush(): void {
    for (let partition = 0; partition < this.frames.length; partition++) {
      const frame = this.frames[partition]!
      if (frame.count > 0) this.finish(partition, frame)
    }
  }

  private finish(partition: number, frame: RecordsFrameEncoder): void {
    const { buffer, start, end } = frame.finish()
    this.writer.append(this.exchange, partition, buffer, start, end)
  }
}
