import type { Invariant } from './invariant.ts'

/** (transactional id, producer id, epoch) names one transaction for ever (R22). */
export class NamedOnce implements Invariant {
  readonly name = 'named once'
  private readonly begun = new Set<string>()

  onBegun(transaction: string): string | undefined {
    if (this.begun.has(transaction)) return `another transaction begins as ${transaction}`
    this.begun.add(transaction)
    return undefined
  }
}
