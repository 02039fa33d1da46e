import type { TransactionSalvaged } from '../../../checkpoint/protocol/control-records.ts'
import { committablesOf } from './committables-of.ts'
import type { Completed, Invariant, Logged, Saved } from './invariant.ts'

/**
 * Every prepared transaction of the last completed checkpoint is committed, or listed there as not yet known to be, or
 * salvaged in its place. So the next checkpoint may leave out, a recovery may call settled, and a worker may call
 * committed only what is; and a savepoint, or the end of the job, leaves none behind.
 */
export class NothingForgotten implements Invariant {
  readonly name = 'nothing forgotten'
  /** Of the last completed checkpoint. */
  private listed: readonly string[] = []
  /** Of every checkpoint of the running epoch. */
  private readonly listedBy = new Map<number, readonly string[]>()
  private readonly committed = new Set<string>()
  /** By the id of what was lost. */
  private readonly salvaged = new Map<string, TransactionSalvaged>()

  onRecord({ record, isValid }: Logged): string | undefined {
    if (!isValid) return undefined
    switch (record.type) {
      case 'transaction-salvaged':
        this.salvaged.set(record.lost, record)
        return undefined
      case 'checkpoint-acked':
        return this.unsettled(record.manifest.committed, `${record.worker} calls committed`)
      case 'epoch-recovered':
        return (
          this.unsettled(record.settled, 'the recovery calls settled') ??
          this.unsettled(this.listed, 'the recovery passes over')
        )
      case 'epoch-claimed':
        this.listedBy.clear()
        return undefined
      case 'job-stopped': {
        const { listed } = this
        if (record.isForgotten) this.listed = []
        return this.unsettled(listed, 'the job stops and leaves behind')
      }
      default:
        return undefined
    }
  }

  onSaved({ record: { checkpoint } }: Saved): string | undefined {
    return this.unsettled(this.listedBy.get(checkpoint) ?? [], `the savepoint of checkpoint ${checkpoint} leaves behind`)
  }

  onCompleted({ metadata, point }: Completed): string | undefined {
    const listed = committablesOf(metadata)
    this.listedBy.set(point.checkpoint, listed)
    const before = this.listed
    this.listed = listed
    const dropped = before.filter((id) => !listed.includes(id))
    return this.unsettled(dropped, `checkpoint ${point.checkpoint} lists no more`)
  }

  onCommitted(transaction: string): string | undefined {
    this.committed.add(transaction)
    return undefined
  }

  private unsettled(ids: readonly string[], who: string): string | undefined {
    const id = ids.find((one) => !this.isSettled(one))
    return id === undefined ? undefined : `${who} ${id}, which is not committed`
  }

  private isSettled(id: string): boolean {
    if (this.committed.has(id)) return true
    const salvage = this.salvaged.get(id)
    if (salvage === undefined) return false
    return this.isSettled(salvage.done.id) && (salvage.rest === null || this.isSettled(salvage.rest.id))
  }
}
