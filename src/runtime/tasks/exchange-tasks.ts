/** The tasks of a worker that read exchanges: frames become batches for their chains, and barriers become cuts. */
import type { ByPartition, ExchangePosition } from '../../checkpoint/manifest.ts'
import { defined } from '../../common/assert.ts'
import type { ExchangeReader, ReceivedFrame } from '../../ports/exchange.ts'
import type { SourceBatch } from '../../ports/source.ts'
import { type BarrierFrame, decodeBarrier, decodeWatermark, frameKind } from '../../records/exchange-frame.ts'
import { RecordsFrameDecoder } from '../../records/records-frame.ts'
import { taskKey } from '../../records/task-id.ts'
import type { FrameValueDecoder } from '../../state/frame-values.ts'
import type { TaskWatermark } from '../../time/task-watermark.ts'
import type { TaskChain } from './task-chain.ts'

export interface ExchangeTask {
  readonly exchange: string
  readonly partition: number
  readonly decoder: FrameValueDecoder
  readonly chain: TaskChain
  readonly watermark: TaskWatermark
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
  /** Task → channel of an earlier epoch → where it ends. */
  private readonly unfinished: ReadonlyMap<ExchangeTask, Map<number, number>>
  private readonly decoder = new RecordsFrameDecoder()

  /** @param unfinished for each task the channels of earlier epochs that it has not read to their end */
  constructor(
    reader: ExchangeReader,
    producers: ReadonlySet<number>,
    tasks: readonly ExchangeTask[],
    unfinished: readonly Map<number, number>[],
  ) {
    this.reader = reader
    this.producers = producers
    this.tasks = new Map(tasks.map((task) => [taskKey({ stage: task.exchange, partition: task.partition }), task]))
    this.unfinished = new Map(tasks.map((task, i) => [task, unfinished[i] ?? new Map()]))
    for (const [{ watermark }, channels] of this.unfinished) {
      for (const channel of [...producers, ...channels.keys()]) watermark.join(channel)
    }
  }

  /** The next frame; undefined: there is none yet. */
  poll(): PolledFrame | undefined {
    const frame = this.reader.poll()
    if (frame === undefined) return undefined
    const { buffer, start, end, producerId } = frame
    const task = defined(this.tasks.get(taskKey({ stage: frame.exchange, partition: frame.partition })), 'task of a frame')
    this.leaveEnded(task, frame)
    switch (frameKind(buffer, start, end)) {
      case 'records':
        return this.records(task, frame)
      case 'barrier': {
        const barrier = decodeBarrier(buffer, start, end)
        if (!this.producers.has(producerId)) return NOTHING
        task.watermark.advance(producerId, barrier.watermark)
        return { kind: 'barrier', barrier }
      }
      case 'watermark':
        if (this.producers.has(producerId) || this.unfinished.get(task)?.has(producerId)) {
          task.watermark.advance(producerId, decodeWatermark(buffer, start, end))
        }
        return NOTHING
    }
  }

  /** A channel of an earlier epoch counts up to its last frame (R21). */
  private leaveEnded(task: ExchangeTask, { producerId, offset }: ReceivedFrame): void {
    const channels = this.unfinished.get(task)
    const end = channels?.get(producerId)
    if (channels === undefined || end === undefined || offset + 1 < end) return
    channels.delete(producerId)
    task.watermark.leave(producerId)
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

  private records(task: ExchangeTask, { partition, offset, buffer, start, end }: ReceivedFrame): PolledFrame {
    const frame = this.decoder.decode(buffer, start, end)
    const { count, keyStarts, keyEnds, valueStarts, valueEnds, timestamps } = frame
    const values: unknown[] = new Array(count)
    const { decoder } = task
    decoder.begin()
    for (let i = 0; i < count; i++) values[i] = decoder.decode(buffer, valueStarts[i]!, valueEnds[i]!)
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
