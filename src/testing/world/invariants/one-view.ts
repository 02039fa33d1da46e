import { isDeepStrictEqual } from 'node:util'
import { LogView } from '../../../checkpoint/protocol/log-view.ts'
import type { Invariant, Logged } from './invariant.ts'

/**
 * Every process that has read the control log up to an offset has the same view of it: it reads what stands there, each
 * record once and in order, from the beginning or from a summary on; who begins at a summary sees what the others see
 * (R1), and it is trimmed only up to one.
 */
export class OneView implements Invariant {
  readonly name = 'order of decisions'
  private readonly topic: string
  private readonly values = new Map<number, Buffer>()
  private readonly summaries = new Set<number>()
  /** By worker. */
  private readonly nextOffsets = new Map<string, number>()
  private readonly whole = new LogView()
  /** Folded from the last summary on. */
  private fromSummary: LogView | undefined

  constructor(topic: string) {
    this.topic = topic
  }

  /** @param value the record's bytes in the log */
  hold(offset: number, value: Buffer): void {
    this.values.set(offset, value)
  }

  onRecord({ offset, record }: Logged): string | undefined {
    const isValid = this.whole.apply(offset, record)
    if (record.type === 'summary' && isValid) {
      this.summaries.add(offset)
      this.fromSummary = new LogView()
    }
    if (this.fromSummary === undefined) return undefined
    this.fromSummary.apply(offset, record)
    // Others change little, and what they change shows in the next of these.
    if (record.type !== 'summary' && record.type !== 'checkpoint-completed' && record.type !== 'epoch-claimed') return undefined
    if (isDeepStrictEqual(asRead(this.fromSummary), asRead(this.whole))) return undefined
    return `who begins at the last summary sees at ${offset} something else than the log says`
  }

  onRead(worker: string, offset: number, value: Buffer): string | undefined {
    const next = this.nextOffsets.get(worker)
    this.nextOffsets.set(worker, offset + 1)
    if (this.values.get(offset)?.equals(value) !== true) return `${worker} reads at ${offset} what does not stand there`
    if (next === undefined) {
      return offset === 0 || this.summaries.has(offset) ? undefined : `${worker} begins to read at ${offset}`
    }
    return offset === next ? undefined : `${worker} reads ${offset} behind ${next - 1}`
  }

  onTrimmed(topic: string, _partition: number, logStart: number): string | undefined {
    if (topic !== this.topic || this.summaries.has(logStart)) return undefined
    return `the control log begins at ${logStart}, where no valid summary stands`
  }
}

/** Through JSON, as a summary is; without the records' format version, which who folds his own record has not added yet. */
function asRead(view: LogView): unknown {
  return JSON.parse(JSON.stringify(view.fold()), (key, value) => (key === 'v' ? undefined : value))
}
