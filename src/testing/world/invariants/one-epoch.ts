import type { Invariant, Logged } from './invariant.ts'

/**
 * At most one epoch is the last validly claimed one, and no record of another changes anything (R3); a worker enters an
 * epoch once (R4).
 */
export class OneEpoch implements Invariant {
  readonly name = 'one epoch'
  private epoch = -1
  private readonly entered = new Set<string>()

  onRecord({ offset, record, isValid }: Logged): string | undefined {
    if (!isValid) return undefined
    if (record.type === 'epoch-claimed') {
      if (record.previousEpoch !== this.epoch) {
        return `the claim at ${offset} follows epoch ${record.previousEpoch}, and the last valid one is ${this.epoch}`
      }
      this.epoch = offset
      this.entered.clear()
      return undefined
    }
    if (record.epoch !== this.epoch) {
      return `the ${record.type} at ${offset} of epoch ${record.epoch} counts in epoch ${this.epoch}`
    }
    if (record.type !== 'worker-ready') return undefined
    if (this.entered.has(record.worker)) return `${record.worker} enters epoch ${this.epoch} twice`
    this.entered.add(record.worker)
    return undefined
  }
}
