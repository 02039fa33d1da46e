import { committablesOf } from './committables-of.ts'
import type { Completed, Invariant, Logged } from './invariant.ts'

/**
 * A sink transaction is committed only if its checkpoint is complete: at that moment a completed checkpoint lists it, or
 * a salvage puts it in the place of one that is listed (R27).
 */
export class CommitBehindCompletion implements Invariant {
  readonly name = 'commit behind completion'
  private readonly mayBeCommitted = new Set<string>()

  onRecord({ record, isValid }: Logged): string | undefined {
    if (isValid && record.type === 'transaction-salvaged') this.mayBeCommitted.add(record.done.id)
    return undefined
  }

  onCompleted({ metadata }: Completed): string | undefined {
    for (const id of committablesOf(metadata)) this.mayBeCommitted.add(id)
    return undefined
  }

  onCommitted(transaction: string): string | undefined {
    return this.mayBeCommitted.has(transaction)
      ? undefined
      : `${transaction} is committed, and no completed checkpoint lists it`
  }
}
