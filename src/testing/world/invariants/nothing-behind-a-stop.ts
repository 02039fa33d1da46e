import type { ControlRecord } from '../../../checkpoint/protocol/control-records.ts'
import type { Invariant, Logged } from './invariant.ts'

/**
 * A job that has stopped on purpose (R15) is at its end: nothing of its epoch counts any more, no transaction begins or is
 * committed, until somebody starts it again. None of those that ran when it stopped goes on by itself.
 */
export class NothingBehindAStop implements Invariant {
  readonly name = 'nothing behind a stop'
  /** The offset of its record; undefined: it runs, or nothing does. */
  private stoppedAt: number | undefined
  /** Those that took part in the job before its last stop. */
  private readonly ofYesterday = new Set<string>()
  private readonly entered = new Set<string>()
  /** By the nonce of a claim. */
  private readonly authors = new Map<string, string>()

  onEntered(worker: string): string | undefined {
    this.entered.add(worker)
    return undefined
  }

  onAppend(worker: string, record: ControlRecord): string | undefined {
    if (record.type === 'epoch-claimed') this.authors.set(record.nonce, worker)
    return undefined
  }

  onRecord({ offset, record, isValid }: Logged): string | undefined {
    if (!isValid) return undefined
    if (record.type === 'epoch-claimed') {
      this.stoppedAt = undefined
      const author = this.authors.get(record.nonce)
      if (author === undefined || !this.ofYesterday.has(author)) return undefined
      return `${author}, which took part before the job was stopped, claims the epoch of ${offset}`
    }
    const before = this.stoppedAt
    if (record.type === 'job-stopped') {
      this.stoppedAt = offset
      for (const worker of this.entered) this.ofYesterday.add(worker)
    }
    if (before === undefined || record.type === 'restored-to') return undefined
    return `the ${record.type} at ${offset} counts, and the job has stopped at ${before}`
  }

  onBegun(transaction: string): string | undefined {
    return this.stoppedAt === undefined ? undefined : `${transaction} begins, and the job has stopped at ${this.stoppedAt}`
  }

  onCommitted(transaction: string): string | undefined {
    return this.stoppedAt === undefined ? undefined : `${transaction} is committed behind the stop at ${this.stoppedAt}`
  }
}
