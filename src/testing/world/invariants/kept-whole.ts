import type { CheckpointMetadata } from '../../../checkpoint/metadata.ts'
import type { Completed, Invariant, Logged, Restored } from './invariant.ts'

export interface KeptWholeParts {
  /** Bytes of a stored file; undefined: it is not there. */
  readonly sizeOf: (path: string) => number | undefined
  /** The topic of an exchange. */
  readonly topicOf: (exchange: string) => string
}

interface Kept extends Completed {
  readonly paths: readonly string[]
}

/**
 * A completed checkpoint can be restored until its `checkpoint-dropped` stands in the log (R14), or it is given up by a
 * rewind to an earlier one, for a savepoint that is taken over, or with the whole job: its files are there when it completes
 * and none is deleted, and exchanges hold all that comes behind its positions. A checkpoint that a savepoint is made of is
 * not dropped meanwhile.
 */
export class KeptWhole implements Invariant {
  readonly name = 'kept whole'
  private readonly parts: KeptWholeParts
  private readonly kept = new Map<number, Kept>()
  /** What the open request waits for, and its checkpoint once that is complete. */
  private requested: string | undefined
  private servedBy: number | undefined
  private copied: number | undefined

  constructor(parts: KeptWholeParts) {
    this.parts = parts
  }

  onRecord({ record, isValid }: Logged): string | undefined {
    if (!isValid) return undefined
    switch (record.type) {
      case 'checkpoint-dropped':
        this.kept.delete(record.checkpoint)
        return record.checkpoint === this.copied
          ? `checkpoint ${record.checkpoint} is dropped while a savepoint is made of it`
          : undefined
      case 'restored-to':
        for (const checkpoint of [...this.kept.keys()]) if (checkpoint > record.checkpoint) this.kept.delete(checkpoint)
        return undefined
      case 'savepoint-requested':
        this.requested = record.request
        return undefined
      case 'checkpoint-triggered':
        if (record.request !== undefined && record.request === this.requested) this.servedBy = record.checkpoint
        return undefined
      case 'job-stopped':
        if (record.isForgotten) this.kept.clear()
        this.endCopy()
        return undefined
      case 'savepoint-completed':
      case 'request-failed':
      case 'epoch-claimed':
        this.endCopy()
        return undefined
      default:
        return undefined
    }
  }

  onRestored(restored: Restored): string | undefined {
    this.kept.clear()
    return this.onCompleted(restored)
  }

  onCompleted({ point, metadata }: Completed): string | undefined {
    const { checkpoint } = point
    if (checkpoint === this.servedBy) this.copied = checkpoint
    this.kept.set(checkpoint, { point, metadata, paths: [point.path, ...metadata.segments.map(({ path }) => path)] })
    for (const { path, bytes } of metadata.segments) {
      const size = this.parts.sizeOf(path)
      if (size !== bytes) return `checkpoint ${checkpoint} refers to ${bytes} bytes of ${path}, and there are ${size ?? 'none'}`
    }
    return undefined
  }

  onDeleted(paths: readonly string[]): string | undefined {
    for (const { point, paths: needed } of this.kept.values()) {
      const path = paths.find((one) => needed.includes(one))
      if (path !== undefined) return `${path} is deleted, and checkpoint ${point.checkpoint} refers to it`
    }
    return undefined
  }

  onTrimmed(topic: string, partition: number, logStart: number): string | undefined {
    for (const { point, metadata } of this.kept.values()) {
      const position = this.positionIn(metadata, topic, partition)
      if (position !== undefined && logStart > position) {
        return `${topic}/${partition} begins at ${logStart}, and checkpoint ${point.checkpoint} goes on from ${position}`
      }
    }
    return undefined
  }

  private endCopy(): void {
    this.requested = undefined
    this.servedBy = undefined
    this.copied = undefined
  }

  /** Undefined: it is not one of the exchanges. */
  private positionIn({ exchanges }: CheckpointMetadata, topic: string, partition: number): number | undefined {
    for (const [exchange, { positions }] of Object.entries(exchanges)) {
      if (this.parts.topicOf(exchange) === topic) return positions[partition]?.position ?? 0
    }
    return undefined
  }
}
