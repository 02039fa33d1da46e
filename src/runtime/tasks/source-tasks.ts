/** The source tasks of a worker: readers, operator chains and positions. */
import type { ByPartition } from '../../checkpoint/manifest.ts'
import type { PartitionStart, SourceBatch, SourceReader } from '../../ports/source.ts'
import type { SourceWatermark } from '../../time/source-watermark.ts'
import type { TaskWatermark } from '../../time/task-watermark.ts'
import type { TaskChain } from './task-chain.ts'

/** Records of one batch: a few milliseconds, the longest that anything waits for the loop. */
const BATCH_RECORDS = 2048

interface OpenedSource {
  readonly name: string
  readonly reader: SourceReader<unknown>
  readonly positions: Map<number, number>
  readonly chains: ReadonlyMap<number, TaskChain>
  /** Empty where the source gives none. */
  readonly watermarks: ReadonlyMap<number, PartitionWatermark>
}

export interface PartitionWatermark {
  readonly task: TaskWatermark
  readonly source: SourceWatermark
}

export class SourceTasks {
  private readonly sources: OpenedSource[] = []
  private next = 0

  add(
    name: string,
    reader: SourceReader<unknown>,
    starts: readonly PartitionStart[],
    chains: ReadonlyMap<number, TaskChain>,
    watermarks: ReadonlyMap<number, PartitionWatermark>,
  ): void {
    const positions = new Map(starts.map(({ partition, position }) => [partition, position]))
    this.sources.push({ name, reader, positions, chains, watermarks })
  }

  /** Tasks of this worker. */
  get count(): number {
    return this.sources.reduce((count, { chains }) => count + chains.size, 0)
  }

  has(name: string): boolean {
    return this.sources.some((source) => source.name === name)
  }

  /** Behind a batch: its times count from the next batch on. */
  observe(source: OpenedSource, batch: SourceBatch<unknown>, nowMs: number): void {
    const watermark = source.watermarks.get(batch.partition)
    if (watermark === undefined) return
    watermark.source.observe(batch.timestamps, batch.count, nowMs)
    watermark.task.advance(batch.partition, watermark.source.at(nowMs))
  }

  /** Notices partitions that have fallen silent. */
  updateWatermarks(nowMs: number): void {
    for (const { watermarks } of this.sources) {
      for (const [partition, { task, source }] of watermarks) task.advance(partition, source.at(nowMs))
    }
  }

  /** The next batch of any source, in turns. */
  poll(): { source: OpenedSource; batch: SourceBatch<unknown> } | undefined {
    for (let tries = 0; tries < this.sources.length; tries++) {
      const source = this.sources[this.next++ % this.sources.length]!
      const batch = source.reader.poll(BATCH_RECORDS)
      if (batch !== undefined) return { source, batch }
    }
    return undefined
  }

  /** Never, if there are none. */
  async whenAvailable(): Promise<void> {
    await Promise.race(this.sources.map((source) => source.reader.whenAvailable()))
  }

  positions(): Record<string, Record<string, number>> {
    return Object.fromEntries(this.sources.map(({ name, positions }) => [name, Object.fromEntries(positions)]))
  }

  async publish(positions: ByPartition<number>): Promise<void> {
    for (const { name, reader } of this.sources) {
      const starts = Object.entries(positions[name] ?? {}).map(([partition, position]) => ({
        partition: Number(partition),
        position,
      }))
      await reader.publishPositions?.(starts)
    }
  }

  /** Source → partition → records not read yet. */
  lag(): Map<string, ReadonlyMap<number, number>> {
    return new Map(this.sources.map(({ name, reader }) => [name, reader.lag?.() ?? new Map()]))
  }
}
