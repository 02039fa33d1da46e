/**
 * The fold of the control log: what everybody who has read it up to an offset knows, and all that anybody may act on
 * (R2). Pure: the same records give the same view, in every process.
 *
 * Invariants, checked here or by construction:
 * - the running epoch is the offset of the last valid claim, and a claim is valid only behind the claim that it names (R3);
 * - a record of any other epoch changes nothing;
 * - a checkpoint number is triggered once, ever (R9), and decided once (R2);
 * - the restore point only moves to a checkpoint completed in the epoch that was running when its completion was written (R7).
 */
import { assert } from '../../common/assert.ts'
import type { SourceStart } from '../../ports/source.ts'
import type {
  CheckpointAcked,
  CheckpointCompleted,
  CheckpointDeclined,
  CheckpointTriggered,
  ControlRecord,
  EpochClaimed,
  EpochRecovered,
  EpochStarted,
  RestorePoint,
  TransactionSalvaged,
  WorkerFailed,
} from './control-records.ts'
import { CHECKPOINT_TRANSITIONS, type CheckpointState, EPOCH_TRANSITIONS, type EpochState } from './transitions.ts'

/** A checkpoint that is triggered and not decided. */
export interface PendingCheckpoint {
  readonly triggered: CheckpointTriggered
  readonly acks: Map<string, CheckpointAcked>
  readonly declines: Map<string, CheckpointDeclined>
}

export class LogView {
  /** The offset behind the last record folded. */
  nextOffset = 0
  /** The last valid claim's offset; -1 before the first. */
  epoch = -1
  epochState: EpochState = 'none'
  claim: EpochClaimed | undefined
  recovered: EpochRecovered | undefined
  started: EpochStarted | undefined
  failure: WorkerFailed | undefined
  readonly ready = new Set<string>()
  /** At most one is pending at a time. */
  pending: PendingCheckpoint | undefined
  /** The greatest number ever triggered. */
  lastCheckpoint = 0
  restorePoint: RestorePoint | null = null
  /** Completed, not dropped, oldest first. */
  retained: RestorePoint[] = []
  /** Checkpoint 0: where each source began (R8). */
  readonly sourceStarts = new Map<string, SourceStart>()
  /** Transactions known to be committed for good, as far as the restore point still lists them (R12). */
  settled = new Set<string>()
  /** Lost transactions, by id, and what stands in their place, while the running epoch and those before it recover (R27). */
  readonly salvaged = new Map<string, TransactionSalvaged>()
  /** The largest pools ever claimed: the transactional ids that can exist. */
  poolWorkers = 0
  poolSlots = 0
  private lastState: CheckpointState = 'none'

  /** Folds the record at `offset`; false: it was void. */
  apply(offset: number, record: ControlRecord): boolean {
    assert(offset >= this.nextOffset, `the log is folded in order (record ${offset} after ${this.nextOffset - 1})`)
    this.nextOffset = offset + 1
    if (record.type === 'epoch-claimed') return this.applyClaim(offset, record)
    if (record.epoch !== this.epoch) return false
    const next = EPOCH_TRANSITIONS[this.epochState][record.type]
    if (next === 'void' || !this.applyValid(record)) return false
    this.epochState = next
    return true
  }

  private applyClaim(offset: number, claim: EpochClaimed): boolean {
    if (claim.previousEpoch !== this.epoch) return false
    this.epoch = offset
    this.epochState = 'claimed'
    this.claim = claim
    this.recovered = undefined
    this.started = undefined
    this.failure = undefined
    this.ready.clear()
    this.pending = undefined
    this.lastState = 'none'
    this.poolWorkers = Math.max(this.poolWorkers, claim.workers)
    this.poolSlots = Math.max(this.poolSlots, claim.slots)
    return true
  }

  private applyValid(record: Exclude<ControlRecord, EpochClaimed>): boolean {
    switch (record.type) {
      case 'source-started':
        if (this.sourceStarts.has(record.source)) return false
        this.sourceStarts.set(record.source, record.start)
        return true
      case 'epoch-recovered':
        this.recovered = record
        for (const id of record.settled) this.settled.add(id)
        // All that the restore point lists is settled now, and with it whatever stands in its place.
        this.salvaged.clear()
        return true
      case 'transaction-salvaged':
        if (this.salvaged.has(record.lost)) return false
        this.salvaged.set(record.lost, record)
        return true
      case 'worker-ready':
        this.ready.add(record.worker)
        return true
      case 'epoch-started':
        this.started = record
        return true
      case 'worker-failed':
        this.failure = record
        return true
      case 'checkpoint-dropped':
        this.retained = this.retained.filter((one) => one.checkpoint !== record.checkpoint)
        return true
      default:
        return this.applyCheckpoint(record)
    }
  }

  private applyCheckpoint(record: Extract<ControlRecord, { checkpoint: number }>): boolean {
    if (record.type === 'checkpoint-dropped') return false
    const state = record.type === 'checkpoint-triggered' ? this.stateBeforeTrigger(record) : this.stateOf(record.checkpoint)
    const next = CHECKPOINT_TRANSITIONS[state][record.type]
    if (next === 'void') return false
    this.lastState = next
    switch (record.type) {
      case 'checkpoint-triggered':
        this.lastCheckpoint = record.checkpoint
        this.pending = { triggered: record, acks: new Map(), declines: new Map() }
        return true
      case 'checkpoint-acked':
        this.pending?.acks.set(record.worker, record)
        for (const id of record.manifest.committed) this.settled.add(id)
        return true
      case 'checkpoint-declined':
        this.pending?.declines.set(record.worker, record)
        return true
      case 'checkpoint-completed':
        this.complete(record)
        return true
      case 'checkpoint-aborted':
        this.pending = undefined
        return true
    }
  }

  private complete(record: CheckpointCompleted): void {
    const { checkpoint, epoch, path, sha256 } = record
    this.restorePoint = { checkpoint, epoch, path, sha256 }
    this.retained.push(this.restorePoint)
    // What this checkpoint no longer lists will never be asked about again, so it need not be remembered.
    const listed = new Set<string>()
    for (const ack of this.pending?.acks.values() ?? []) {
      for (const { committable } of ack.manifest.committables) listed.add(committable.id)
    }
    this.settled = new Set([...this.settled].filter((id) => listed.has(id)))
    this.pending = undefined
  }

  /** A number is used once and only upwards; while one is pending no other begins. */
  private stateBeforeTrigger(record: CheckpointTriggered): CheckpointState {
    if (this.pending !== undefined) return 'pending'
    return record.checkpoint > this.lastCheckpoint ? 'none' : 'completed'
  }

  private stateOf(checkpoint: number): CheckpointState {
    if (this.pending?.triggered.checkpoint === checkpoint) return 'pending'
    return checkpoint === this.lastCheckpoint ? this.lastState : 'none'
  }
}
