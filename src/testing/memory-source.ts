/** A source over arrays: partition → records. More may be added while a job reads. */
import { binaryOfText, textOfBinary } from '../common/bytes.ts'
import type { KeyCodec, PartitionStart, Source, SourceBatch, SourceReader, SourceStart } from '../ports/source.ts'

export interface MemoryRecord<T> {
  readonly key: string | null
  readonly value: T
  readonly timestamp?: number
}

const textKeys: KeyCodec<string> = { name: 'string', encode: binaryOfText, decode: textOfBinary }

export class MemorySource<T> implements Source<T, string> {
  readonly description = 'memory'
  readonly fingerprint = 'memory'
  readonly keyCodec = textKeys
  readonly partitions: MemoryRecord<T>[][]
  private waiting: PromiseWithResolvers<void> = Promise.withResolvers()

  constructor(partitions: MemoryRecord<T>[][]) {
    this.partitions = partitions
  }

  add(partition: number, records: readonly MemoryRecord<T>[]): void {
    this.partitions[partition]!.push(...records)
    this.waiting.resolve()
    this.waiting = Promise.withResolvers()
  }

  async resolveStart(): Promise<SourceStart> {
    return { identity: 'memory', partitions: this.partitions.map((_, partition) => ({ partition, position: 0, first: 0 })) }
  }

  async open(_context: unknown, assigned: readonly PartitionStart[]): Promise<SourceReader<T>> {
    const positions = new Map(assigned.map(({ partition, position }) => [partition, position]))
    return {
      poll: (maxRecords) => {
        for (const [partition, position] of positions) {
          const records = this.partitions[partition]!.slice(position, position + maxRecords)
          if (records.length === 0) continue
          positions.delete(partition)
          positions.set(partition, position + records.length)
          return batchOf(partition, position, records)
        }
        return undefined
      },
      whenAvailable: () => this.waiting.promise,
      async close() {},
    }
  }
}

function batchOf<T>(partition: number, position: number, records: readonly MemoryRecord<T>[]): SourceBatch<T> {
  const keyStarts: number[] = []
  const keyEnds: number[] = []
  const keys: Buffer[] = []
  let at = 0
  for (const { key } of records) {
    const bytes = key === null ? null : Buffer.from(key)
    keyStarts.push(bytes === null ? -1 : at)
    at += bytes?.length ?? 0
    keyEnds.push(bytes === null ? -1 : at)
    if (bytes !== null) keys.push(bytes)
  }
  return {
    partition,
    count: records.length,
    values: records.map((record) => record.value),
    timestamps: records.map((record) => record.timestamp ?? 0),
    keyBytes: Buffer.concat(keys),
    keyStarts,
    keyEnds,
    nextPosition: position + records.length,
    positionOf: (index) => position + index,
  }
}
