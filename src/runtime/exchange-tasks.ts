/** The tasks of a worker that read exchanges: frames become batches for their chains, and barriers become cuts. */
import type { ByPartition, ExchangePosition } from '../checkpoint/manifest.ts'
import { defined } from '../common/assert.ts'
import type { ExchangeReader, ReceivedFrame } from '../ports/exchange.ts'
import type { SourceBatch } from '../ports/source.ts'
import type { ValueCodec } from '../ports/value-codec.ts'
import { type BarrierFrame, decodeBarrier, decodeWatermark, frameKind } from '../records/exchange-frame.ts'
import { RecordsFrameDecoder } from '../records/records-frame.ts'
import { taskKey } from '../records/task-id.ts'
import type { TaskChain } from './task-chain.ts'

export interface ExchangeTask {
  readonly exchange: string
  readonly partition: number
  readonly codec: ValueCodec<unknown>
  readonly chain: TaskChain
}

export type PolledFrame =
  | { readonly kind: 'records'; readonly task: ExchangeTask; readonly batch: SourceBatch<unknown> }
  | { readonly kind: 'barrier'; readonly barrier: BarrierFrame }
  | { readonly kind: 'nothing' }

const NOTHING: PolledFrame = { kind: 'nothing' }

export class ExchangeTasks {
  private readonly reader: ExchangeReader
  /** Of the running epoch: barriers of earlier ones mean nothing any more (R10). */
  private readonly producers: ReadonlySet<number>
  private readonly tasks: ReadonlyMap<string, ExchangeTask>
  private readonly decoder = new RecordsFrameDecoder()

  constructor(reader: ExchangeReader, producers: ReadonlySet<number>, tasks: readonly ExchangeTask[]) {
    this.reader = reader
    this.producers = producers
    this.tasks = new Map(tasks.map((task) => [taskKey({ stage: task.exchange, partition: task.partition }), task]))
  }

  /** The next frame; undefined: there is none yet. */
  poll(): PolledFrame | undefined {
    const frame = this.reader.poll()
    if (frame === undefined) return undefined
    const { buffer, start, end } = frame
    switch (frameKind(buffer, start, end)) {
      case 'records':
        return this.records(frame)
      case 'barrier':
        if (!this.producers.has(frame.producerId)) return NOTHING
        return { kind: 'barrier', barrier: decodeBarrier(buffer, start, end) }
      case 'watermark':
        decodeWatermark(buffer, start, end)
        return NOTHING
    }
  }

  whenAvailable(): Promise<void> {
    return this.reader.whenAvailable()
  }

  /** Exchange → partition → where it has been read to. */
  positions(): ByPartition<ExchangePosition> {
    const result: Record<string, Record<string, ExchangePosition>> = {}
    for (const { exchange, partition } of this.tasks.values()) {
      const ofExchange = result[exchange] ?? {}
      result[exchange] = ofExchange
      ofExchange[partition] = this.reader.position(exchange, partition)
    }
    return result
  }

  lag(): ReadonlyMap<string, ReadonlyMap<number, number>> {
    return this.reader.lag()
  }

  /** Frames not read yet, over all partitions of this worker. */
  totalLag(): number {
    let total = 0
    for (const partitions of this.reader.lag().values()) for (const frames of partitions.values()) total += frames
    return total
  }

  private records({ exchange, partition, offset, buffer, start, end }: ReceivedFrame): PolledFrame {
    const task = defined(this.tasks.get(taskKey({ stage: exchange, partition })), 'task of a frame')
    const frame = this.decoder.decode(buffer, start, end)
    const { count, keyStarts, keyEnds, valueStarts, valueEnds, timestamps } = frame
    const values: unknown[] = new Array(count)
    for (let i = 0; i < count; i++) values[i] = task.codec.decode(buffer, valueStarts[i]!, valueEnds[i]!)
    const batch: SourceBatch<unknown> = {
      partition,
      count,
      values,
      timestamps,
      keyBytes: buffer,
      keyStarts,
      keyEnds,
      nextPosition: offset + 1,
      positionOf: () => offset,
    }
    return { kind: 'records', task, batch }
  }
}
