/**
 * The writing end of one exchange on one worker: gathers the records of all its tasks into a frame for each partition.
 * A value is encoded at once: what user code does with the object afterwards changes nothing.
 */
import { murmur2Latin1, partitionForKey } from '../../common/murmur2.ts'
import type { ExchangeWriter } from '../../ports/exchange.ts'
import type { ValueCodec } from '../../ports/value-codec.ts'
import { RecordsFrameEncoder } from '../../records/records-frame.ts'
import { type FrameValueEncoder, valueEncoder } from '../../state/frame-values.ts'

/** A frame is finished at this size, or at the end of the batch that filled it. */
const FRAME_BYTES = 64 * 1024
/** Each partition has one: little while a job has many partitions. */
const FIRST_BYTES = 4 * 1024

export class ExchangeOutput {
  private readonly exchange: string
  private readonly writer: ExchangeWriter
  private readonly frames: readonly RecordsFrameEncoder[]
  /** Of each partition: what it writes leans on what its frame already holds. */
  private readonly values: readonly FrameValueEncoder[]

  /** @param codec undefined: rows (row-format.ts) */
  constructor(exchange: string, writer: ExchangeWriter, codec: ValueCodec<unknown> | undefined, partitions: number) {
    this.exchange = exchange
    this.writer = writer
    this.frames = Array.from({ length: partitions }, () => new RecordsFrameEncoder(FIRST_BYTES))
    this.values = this.frames.map(() => valueEncoder(codec))
  }

  /** @param key a binary string */
  write(key: string, timestamp: number, value: unknown): void {
    const partition = partitionForKey(murmur2Latin1(key), this.frames.length)
    const frame = this.frames[partition]!
    frame.add(key, timestamp, this.values[partition]!, value)
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
    this.values[partition]!.begin()
    this.writer.append(this.exchange, partition, buffer, start, end)
  }
}
