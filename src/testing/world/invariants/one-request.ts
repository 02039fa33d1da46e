import type { ControlRecord } from '../../../checkpoint/protocol/control-records.ts'
import type { Invariant, Logged } from './invariant.ts'

interface Open {
  readonly id: string
  readonly kind: 'savepoint' | 'savepoint with stop' | 'cancellation'
  checkpoint: number | undefined
  isComplete: boolean
  isSaved: boolean
}

type Answer = Extract<ControlRecord, { readonly request: string }>

/**
 * A job is asked for one thing at a time (R15), in the epoch that runs. What is said about it names it, in this order: one
 * checkpoint is triggered for it, a final one where the job is to stop, and completes; the savepoint is complete; the job has
 * stopped. Or it fails, and nothing comes behind that.
 */
export class OneRequest implements Invariant {
  readonly name = 'one request'
  private open: Open | undefined

  onRecord({ offset, record, isValid }: Logged): string | undefined {
    if (!isValid) return undefined
    switch (record.type) {
      case 'epoch-claimed':
        this.open = undefined
        return undefined
      case 'savepoint-requested':
      case 'cancel-requested':
        return this.ask(record, offset)
      case 'checkpoint-triggered':
        return record.request === undefined ? undefined : this.trigger(record.checkpoint, record.kind, record.request)
      case 'checkpoint-completed':
        if (this.open !== undefined && this.open.checkpoint === record.checkpoint) this.open.isComplete = true
        return undefined
      case 'savepoint-progressed':
      case 'savepoint-completed':
      case 'request-failed':
      case 'job-stopped':
        return this.answer(record, offset)
      default:
        return undefined
    }
  }

  private ask(record: Extract<Answer, { type: 'savepoint-requested' | 'cancel-requested' }>, offset: number) {
    const { open } = this
    const kind = record.type === 'cancel-requested' ? 'cancellation' : record.isStop ? 'savepoint with stop' : 'savepoint'
    this.open = { id: record.request, kind, checkpoint: undefined, isComplete: false, isSaved: false }
    return open === undefined ? undefined : `another request counts at ${offset}, while a ${open.kind} is under way`
  }

  private trigger(checkpoint: number, kind: string, request: string): string | undefined {
    const { open } = this
    if (open?.id !== request) return `checkpoint ${checkpoint} is triggered for a request that is not open`
    if (open.checkpoint !== undefined) return `checkpoint ${checkpoint} is triggered for what ${open.checkpoint} is for`
    open.checkpoint = checkpoint
    const wanted = open.kind === 'savepoint' ? 'periodic' : 'final'
    return kind === wanted ? undefined : `checkpoint ${checkpoint} for a ${open.kind} is ${kind}`
  }

  private answer(record: Answer, offset: number): string | undefined {
    const { open } = this
    if (open?.id !== record.request) return `the ${record.type} at ${offset} counts, and no such request is open`
    switch (record.type) {
      case 'savepoint-completed':
        if (open.kind === 'savepoint') this.open = undefined
        open.isSaved = true
        if (open.kind === 'cancellation') return `a cancellation makes a savepoint at ${offset}`
        return open.isComplete && open.checkpoint === record.checkpoint
          ? undefined
          : `the savepoint at ${offset} is one of checkpoint ${record.checkpoint}, and its request has ${named(open)}`
      case 'request-failed':
        this.open = undefined
        return open.isSaved ? `a request fails at ${offset}, and its savepoint is complete` : undefined
      case 'job-stopped':
        this.open = undefined
        if (open.kind === 'savepoint') return `the job stops at ${offset}, and nobody has asked for that`
        if (!open.isComplete) return `the job stops at ${offset}, and the request has ${named(open)}`
        return open.isSaved === (open.kind === 'savepoint with stop')
          ? undefined
          : `the job stops before its savepoint is complete`
      default:
        return undefined
    }
  }
}

function named({ checkpoint, isComplete }: Open): string {
  if (checkpoint === undefined) return 'no checkpoint'
  return `checkpoint ${checkpoint}, which is ${isComplete ? '' : 'not '}complete`
}
