import type { Invariant, Logged, Restored } from './invariant.ts'

type Decision = 'none' | 'completed' | 'aborted'

/** A checkpoint number is triggered once, ever (R9), and is either completed or aborted, or neither (R2). */
export class DecidedOnce implements Invariant {
  readonly name = 'decided once'
  private readonly decisions = new Map<number, { readonly epoch: number; decision: Decision }>()

  onRecord({ offset, record, isValid }: Logged): string | undefined {
    if (!isValid) return undefined
    switch (record.type) {
      case 'checkpoint-triggered':
        if (this.decisions.has(record.checkpoint)) return `checkpoint ${record.checkpoint} is triggered again at ${offset}`
        this.decisions.set(record.checkpoint, { epoch: record.epoch, decision: 'none' })
        return undefined
      case 'checkpoint-completed':
        return this.decide(record, offset, 'completed')
      case 'checkpoint-aborted':
        return this.decide(record, offset, 'aborted')
      default:
        return undefined
    }
  }

  /** A savepoint that is taken over takes a number too. */
  onRestored({ point: { checkpoint, epoch } }: Restored): string | undefined {
    if (this.decisions.has(checkpoint)) return `the copy of a savepoint is checkpoint ${checkpoint}, which was triggered before`
    this.decisions.set(checkpoint, { epoch, decision: 'completed' })
    return undefined
  }

  private decide(
    { checkpoint, epoch }: { readonly checkpoint: number; readonly epoch: number },
    offset: number,
    decision: Decision,
  ): string | undefined {
    const known = this.decisions.get(checkpoint)
    if (known === undefined) return `checkpoint ${checkpoint} is ${decision} at ${offset} and was never triggered`
    if (known.epoch !== epoch) return `checkpoint ${checkpoint} of epoch ${known.epoch} is ${decision} in epoch ${epoch}`
    if (known.decision !== 'none') return `checkpoint ${checkpoint} is ${known.decision}, and ${decision} at ${offset}`
    known.decision = decision
    return undefined
  }
}
