/**
 * The fold of the control log: what everybody who has read it up to an offset knows, and all that anybody may act on
 * (R2). Pure: the same records give the same view, in every process.
 *
 * Invariants, checked here or by construction:
 * - the running epoch is the offset of the last valid claim, and a claim is valid only behind the claim that it names (R3);
 * - a record of any other epoch changes nothing;
 * - a checkpoint number is triggered once, ever (R9), and decided once (R2);
 * - the restore point only moves to a checkpoint completed in the epoch that was running when its completion was written,
 *   or by hand to one that is retained (R7).
 */
import { assert } from '../../common/assert.ts'
import { MillraceError } from '../../common/errors.ts'
import type { SourceStart } from '../../ports/source.ts'
import type { AbortReason } from './abort-reason.ts'
import { HISTORY_KEPT, type PastCheckpoint, pastCheckpoint } from './checkpoint-history.ts'
import type {
  CancelRequested,
  CheckpointAcked,
  CheckpointCompleted,
  CheckpointDeclined,
  CheckpointTriggered,
  ControlRecord,
  EpochClaimed,
  EpochRecovered,
  EpochStarted,
  FinalRequested,
  JobFailed,
  JobStopped,
  RestoredTo,
  RestorePoint,
  SavepointRequested,
  SavepointRestored,
  Summary,
  TakenSavepoint,
  TransactionSalvaged,
  WorkerFailed,
} from './control-records.ts'
import type { EpochFailure, FoldedView, LastSavepoint, PastFailure } from './folded-view.ts'
import { CHECKPOINT_TRANSITIONS, type CheckpointState, EPOCH_TRANSITIONS, type EpochState } from './transitions.ts'

/** A checkpoint that is triggered and not decided. */
export interface PendingCheckpoint {
  readonly triggered: CheckpointTriggered
  readonly acks: Map<string, CheckpointAcked>
  readonly declines: Map<string, CheckpointDeclined>
}

/** What somebody has asked the running job for. */
export interface OpenRequest {
  readonly requested: SavepointRequested | CancelRequested
  /** Triggered for it. */
  checkpoint: number | undefined
  /** That checkpoint, once it is. */
  completed: RestorePoint | undefined
  /** Why that checkpoint was aborted: nothing comes of the request. */
  abortReason: AbortReason | undefined
  /** Workers that have committed all transactions of that checkpoint. */
  readonly committedBy: Set<string>
}

/** Whether every copy of the job is to end when the request is done. */
export function isStop({ requested }: OpenRequest): boolean {
  return requested.type === 'cancel-requested' || requested.isStop
}

/** Failures that are remembered: more than any restart strategy counts. */
const FAILURES_KEPT = 100

/** Local state that is older than all of these is fetched anew. Some 100 bytes each in a summary. */
const LINEAGE_KEPT = 256

export class LogView {
  /** The offset behind the last record folded. */
  nextOffset = 0
  /** The last valid claim's offset; -1 before the first. */
  epoch = -1
  epochState: EpochState = 'none'
  claim: EpochClaimed | undefined
  recovered: EpochRecovered | undefined
  started: EpochStarted | undefined
  failure: EpochFailure | undefined
  /** The offset at which the epoch failed. */
  failedAt = -1
  /** Of past epochs that ended by themselves, oldest first. */
  failures: PastFailure[] = []
  jobFailure: JobFailed | undefined
  /** Worker → the producer id of its channels. */
  readonly ready = new Map<string, number | null>()
  finalRequest: FinalRequested | undefined
  /** The final checkpoint of the epoch is complete: its workers have stopped at the cut, and may leave. */
  isFinished = false
  /** Workers whose exchange input lags. */
  readonly lagging = new Set<string>()
  /** At most one is pending at a time. */
  pending: PendingCheckpoint | undefined
  /** At most one at a time. */
  request: OpenRequest | undefined
  /** The offset at which the job was stopped on purpose; -1: it wasn't. */
  stoppedAt = -1
  /** The savepoint that the job has taken over last. */
  restoredFrom: TakenSavepoint | undefined
  /** The last one that somebody asked for and got. */
  lastSavepoint: LastSavepoint | undefined
  /** The greatest number ever triggered. */
  lastCheckpoint = 0
  restorePoint: RestorePoint | null = null
  /**
   * The last completed checkpoint, after a rewind not the restore point: its transactions are settled in recovery. Null once
   * they are: a rewind has given it up, maybe, and then it is deleted.
   */
  settlePoint: RestorePoint | null = null
  /** Completed, not dropped, oldest first, each an ancestor of the next. */
  retained: RestorePoint[] = []
  /** Completed, and given up by a rewind: to be dropped. */
  abandoned: RestorePoint[] = []
  /** The last completed checkpoints that the restore point descends from, itself included, dropped ones too: oldest first. */
  lineage: Pick<RestorePoint, 'checkpoint' | 'sha256'>[] = []
  /** The last ones decided, oldest first. */
  history: PastCheckpoint[] = []
  /** Checkpoint 0: where each source began (R8). */
  readonly sourceStarts = new Map<string, SourceStart>()
  /** Transactions known to be committed for good, as far as the settle point still lists them (R12). */
  settled = new Set<string>()
  /** Lost transactions, by id, and what stands in their place, while the running epoch and those before it recover (R27). */
  readonly salvaged = new Map<string, TransactionSalvaged>()
  /** The largest pools ever claimed: the transactional ids that can exist. */
  poolWorkers = 0
  poolSlots = 0
  /** Offset of the last valid summary: what lies before may be deleted. */
  lastSummary = -1
  private lastState: CheckpointState = 'none'

  /** Folds the record at `offset`; false: it was void. */
  apply(offset: number, record: ControlRecord): boolean {
    assert(offset >= this.nextOffset, `the log is folded in order (record ${offset} after ${this.nextOffset - 1})`)
    const isFirst = this.nextOffset === 0
    if (isFirst && offset > 0) this.beginTrimmed(offset, record)
    this.nextOffset = offset + 1
    if (record.type === 'epoch-claimed') return this.applyClaim(offset, record)
    if (record.epoch !== this.epoch) return false
    const next = EPOCH_TRANSITIONS[this.epochState][record.type]
    if (next === 'void' || !this.applyValid(offset, record)) return false
    this.epochState = next
    return true
  }

  /** For a summary. Of a started epoch with no checkpoint pending, and no request. */
  fold(): FoldedView {
    const { epoch, claim, recovered, started, failure, failedAt, failures, lastCheckpoint } = this
    const { restorePoint, settlePoint, retained, abandoned, poolWorkers, poolSlots, restoredFrom, lastSavepoint } = this
    return {
      epoch,
      claim,
      recovered,
      started,
      failure,
      failedAt,
      failures: [...failures],
      ready: [...this.ready],
      lagging: [...this.lagging],
      lastCheckpoint,
      restorePoint,
      settlePoint,
      retained: [...retained],
      abandoned: [...abandoned],
      sourceStarts: [...this.sourceStarts],
      settled: [...this.settled],
      history: [...this.history],
      lineage: [...this.lineage],
      poolWorkers,
      poolSlots,
      restoredFrom,
      lastSavepoint,
    }
  }

  private unfold(folded: FoldedView): void {
    const { ready, lagging, failures, retained, abandoned, sourceStarts, settled, history, lineage, ...rest } = folded
    Object.assign(this, rest)
    this.epochState = 'started'
    this.failures = [...failures]
    this.retained = [...retained]
    this.abandoned = [...abandoned]
    this.settled = new Set(settled)
    this.history = [...(history ?? [])]
    this.lineage = [...(lineage ?? retained)]
    for (const [worker, producerId] of ready) this.ready.set(worker, producerId)
    for (const worker of lagging) this.lagging.add(worker)
    for (const [source, start] of sourceStarts) this.sourceStarts.set(source, start)
  }

  /** The log's beginning is deleted: only a summary tells what stood there. */
  private beginTrimmed(offset: number, record: ControlRecord): void {
    if (record.type !== 'summary' || record.asOf !== offset) {
      throw new MillraceError(
        'MR_CONTROL_LOG_CORRUPT',
        `the control log begins at offset ${offset} with a ${record.type}: what stood before it is deleted`,
      )
    }
    this.unfold(record.view as unknown as FoldedView)
    this.lastSummary = offset
  }

  private applyClaim(offset: number, claim: EpochClaimed): boolean {
    if (claim.previousEpoch !== this.epoch) return false
    if (this.epochState === 'stopped' && claim.seen !== undefined && claim.seen < this.stoppedAt) return false
    this.epoch = offset
    this.epochState = 'claimed'
    this.claim = claim
    this.recovered = undefined
    this.started = undefined
    this.failure = undefined
    this.jobFailure = undefined
    this.finalRequest = undefined
    this.isFinished = false
    this.ready.clear()
    this.lagging.clear()
    this.giveUpPending()
    this.request = undefined
    this.lastState = 'none'
    this.poolWorkers = Math.max(this.poolWorkers, claim.workers)
    this.poolSlots = Math.max(this.poolSlots, claim.slots)
    return true
  }

  private applyValid(offset: number, record: Exclude<ControlRecord, EpochClaimed>): boolean {
    switch (record.type) {
      case 'source-started':
        if (this.sourceStarts.has(record.source)) return false
        this.sourceStarts.set(record.source, record.start)
        return true
      case 'epoch-recovered':
        this.recovered = record
        for (const id of record.settled) this.settled.add(id)
        // All that the settle point lists is settled now, and with it whatever stands in its place.
        this.settlePoint = null
        this.salvaged.clear()
        return true
      case 'transaction-salvaged':
        if (this.salvaged.has(record.lost)) return false
        this.salvaged.set(record.lost, record)
        return true
      case 'worker-ready':
        this.ready.set(record.worker, record.exchangeProducerId)
        return true
      case 'epoch-started':
        this.started = record
        return true
      case 'final-requested':
        this.finalRequest ??= record
        return true
      case 'early-requested':
        // Nothing to remember: the coordinator hears it, or its worker asks again in the next epoch.
        return true
      case 'exchange-lagging':
        if (record.isLagging) this.lagging.add(record.worker)
        else this.lagging.delete(record.worker)
        return true
      case 'worker-failed':
        this.fail(offset, record)
        return true
      case 'job-failed':
        this.jobFailure = record
        return true
      case 'restored-to':
        return this.rewind(offset, record)
      case 'summary':
        return this.applySummary(offset, record)
      case 'savepoint-restored':
        return this.takeOver(record)
      case 'savepoint-requested':
      case 'cancel-requested':
        // Behind the final checkpoint of the epoch nobody processes any more.
        if (this.request !== undefined || this.isFinished) return false
        this.request = {
          requested: record,
          checkpoint: undefined,
          completed: undefined,
          abortReason: undefined,
          committedBy: new Set(),
        }
        return true
      case 'transactions-committed':
        if (this.request?.checkpoint !== record.checkpoint) return false
        this.request.committedBy.add(record.worker)
        for (const id of record.committed) this.settled.add(id)
        return true
      case 'savepoint-progressed':
        return this.request?.requested.request === record.request
      case 'savepoint-completed':
        if (!this.endRequest(record.request, false)) return false
        this.lastSavepoint = { checkpoint: record.checkpoint, uri: record.uri, bytes: record.bytes, at: record.at ?? null }
        return true
      case 'request-failed':
        return this.endRequest(record.request, true)
      case 'job-stopped':
        return this.stop(offset, record)
      case 'checkpoint-dropped':
        this.retained = this.retained.filter((one) => one.checkpoint !== record.checkpoint)
        this.abandoned = this.abandoned.filter((one) => one.checkpoint !== record.checkpoint)
        return true
      default:
        return this.applyCheckpoint(record)
    }
  }

  private fail(offset: number, record: WorkerFailed): void {
    const { worker, code, cause, verdict } = record
    this.failure = { worker, code, cause, verdict }
    this.failedAt = offset
    if (verdict === 'membership') return
    const atMs = Date.parse(record.at)
    const ranMs = this.started === undefined ? 0 : Math.max(0, atMs - Date.parse(this.started.at))
    this.failures = [...this.failures, { offset, atMs, ranMs }].slice(-FAILURES_KEPT)
  }

  private rewind(offset: number, { checkpoint }: RestoredTo): boolean {
    const at = this.retained.findIndex((one) => one.checkpoint === checkpoint)
    if (at < 0) return false
    this.restorePoint = this.retained[at] ?? null
    this.abandoned.push(...this.retained.slice(at + 1))
    this.retained = this.retained.slice(0, at + 1)
    this.lineage = this.lineage.filter((one) => one.checkpoint <= checkpoint)
    this.giveUpPending()
    this.failedAt = offset
    this.failure ??= {
      worker: 'by hand',
      code: 'MR_SUPERSEDED',
      cause: `rewound to checkpoint ${checkpoint}`,
      verdict: 'membership',
    }
    return true
  }

  /** A savepoint with stop is over when the job has stopped. */
  private endRequest(request: string, isFailure: boolean): boolean {
    const { request: open } = this
    if (open?.requested.request !== request) return false
    if (isFailure || !isStop(open)) this.request = undefined
    return true
  }

  private stop(offset: number, { request, isForgotten }: JobStopped): boolean {
    if (this.request?.requested.request !== request) return false
    this.request = undefined
    this.stoppedAt = offset
    if (!isForgotten) return true
    this.restorePoint = null
    this.settlePoint = null
    this.retained = []
    this.abandoned = []
    this.restoredFrom = undefined
    // Local state of the job that was must not pass as the beginning of the one that comes (R13).
    this.lineage = []
    this.sourceStarts.clear()
    this.settled.clear()
    return true
  }

  /** As a rewind does, to a checkpoint that is none of its own. Its own last one is still to be settled. */
  private takeOver({ epoch, savepoint, checkpoint, path, sha256, isForced }: SavepointRestored): boolean {
    if (checkpoint <= this.lastCheckpoint || (this.restorePoint !== null && !isForced)) return false
    this.restorePoint = { checkpoint, epoch, path, sha256 }
    this.abandoned.push(...this.retained)
    this.retained = [this.restorePoint]
    // It descends from none of them: local state of theirs has keys that the savepoint hasn't (R13).
    this.lineage = [{ checkpoint, sha256 }]
    this.lastCheckpoint = checkpoint
    this.restoredFrom = savepoint
    return true
  }

  private applySummary(offset: number, record: Summary): boolean {
    if (record.asOf !== offset || this.pending !== undefined || this.request !== undefined) return false
    this.lastSummary = offset
    return true
  }

  private applyCheckpoint(record: Extract<ControlRecord, { type: `checkpoint-${string}` }>): boolean {
    if (record.type === 'checkpoint-dropped') return false
    const state = record.type === 'checkpoint-triggered' ? this.stateBeforeTrigger(record) : this.stateOf(record.checkpoint)
    const next = CHECKPOINT_TRANSITIONS[state][record.type]
    if (next === 'void') return false
    this.lastState = next
    switch (record.type) {
      case 'checkpoint-triggered':
        this.lastCheckpoint = record.checkpoint
        this.pending = { triggered: record, acks: new Map(), declines: new Map() }
        if (this.request !== undefined && this.request.requested.request === record.request) {
          this.request.checkpoint = record.checkpoint
        }
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
        if (this.pending !== undefined) this.remember(pastCheckpoint(this.pending.triggered, 'aborted', record))
        this.pending = undefined
        if (this.request?.checkpoint === record.checkpoint) this.request.abortReason = record.reason
        return true
    }
  }

  private complete(record: CheckpointCompleted): void {
    const { checkpoint, epoch, path, sha256 } = record
    this.restorePoint = { checkpoint, epoch, path, sha256 }
    this.settlePoint = this.restorePoint
    this.retained.push(this.restorePoint)
    this.lineage.push({ checkpoint, sha256 })
    if (this.lineage.length > LINEAGE_KEPT) this.lineage.shift()
    // What this checkpoint no longer lists will never be asked about again, so it need not be remembered.
    const listed = new Set<string>()
    for (const ack of this.pending?.acks.values() ?? []) {
      for (const { committable } of ack.manifest.committables) listed.add(committable.id)
    }
    this.settled = new Set([...this.settled].filter((id) => listed.has(id)))
    if (this.request?.checkpoint === checkpoint) this.request.completed = this.restorePoint
    this.isFinished = this.pending?.triggered.kind === 'final'
    if (this.pending !== undefined) this.remember(pastCheckpoint(this.pending.triggered, 'completed', { at: record.at }))
    this.pending = undefined
  }

  private giveUpPending(): void {
    if (this.pending !== undefined) this.remember(pastCheckpoint(this.pending.triggered, 'abandoned'))
    this.pending = undefined
  }

  private remember(past: PastCheckpoint): void {
    this.history.push(past)
    if (this.history.length > HISTORY_KEPT) this.history.shift()
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
