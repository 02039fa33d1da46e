/**
 * The records of the control log (R1 to R3 of docs/protocol.md): every decision of a job, in JSON, one object a record.
 *
 * All but `epoch-claimed` carry the epoch they were written in, and are void unless it is that of the last valid claim
 * before them (R3). Unknown fields are kept and ignored; an unknown type or version stops the reader, which must not act
 * on a log that it doesn't understand.
 */
import { MillraceError } from '../../common/errors.ts'
import type { ExchangeTopic } from '../../ports/exchange.ts'
import type { GroupMember } from '../../ports/group-membership.ts'
import type { SourceStart } from '../../ports/source.ts'
import type { Committable, FreshIdentities } from '../../ports/transactional-sink.ts'
import type { TaskKey } from '../../records/task-id.ts'
import type { SourcePositions, WorkerManifest } from '../manifest.ts'
import type { AbortReason } from './abort-reason.ts'

export const CONTROL_VERSION = 1

export type CheckpointKind = 'periodic' | 'final'

/** A member as far as the log needs it. Its place in the list is the index of the worker. */
export type ClaimedMember = Pick<GroupMember, 'worker' | 'joinNonce' | 'memberId'>

/** A claim's offset in the log is its epoch's number. */
export interface EpochClaimed {
  readonly type: 'epoch-claimed'
  readonly nonce: string
  /** The last valid claim before it, or -1: otherwise this claim is void. */
  readonly previousEpoch: number
  /**
   * The offset of the last record that its author had read. Void behind a `job-stopped` that he did not know of: that was for
   * him too. Absent in records of earlier releases.
   */
  readonly seen?: number
  readonly members: readonly ClaimedMember[]
  /** Worker → its tasks; a member that isn't named here takes no part in this epoch. */
  readonly assignment: Readonly<Record<string, readonly TaskKey[]>>
  /** Worker → the tasks of others that it keeps copies of; absent: there are none. */
  readonly standby?: Readonly<Record<string, readonly TaskKey[]>>
  readonly graphDigest: string
  /** Transactional ids exist for workers 0 … workers-1 with slots 0 … slots-1 each. */
  readonly workers: number
  readonly slots: number
  readonly at: string
}

interface OfEpoch {
  readonly epoch: number
}

/** Checkpoint 0 (R8): where a source begins, resolved once. */
export interface SourceStarted extends OfEpoch {
  readonly type: 'source-started'
  readonly source: string
  readonly start: SourceStart
}

export interface RestorePoint {
  readonly checkpoint: number
  /** The epoch that completed it. */
  readonly epoch: number
  /** Of the metadata in the checkpoint storage. */
  readonly path: string
  readonly sha256: string
}

/**
 * Another transaction stands in the place of one that was lost, or of a part of it (R27). Written when the new one is
 * prepared; only who has read it back as valid may commit that.
 */
export interface TransactionSalvaged extends OfEpoch {
  readonly type: 'transaction-salvaged'
  readonly worker: string
  readonly participant: string
  /** Id of the committable that was lost: of the restore point, or itself a `done` or `rest` of such a record. */
  readonly lost: string
  /** The new transaction: holds what comes first of it. */
  readonly done: Committable
  /** What is left of the lost one, known to be lost itself; null: `done` holds all of it. */
  readonly rest: Committable | null
}

/** The leader has settled and fenced all transactions. */
export interface EpochRecovered extends OfEpoch {
  readonly type: 'epoch-recovered'
  readonly restorePoint: RestorePoint | null
  /** Committables whose outcome is known for good. */
  readonly settled: readonly string[]
  /** Participant → the identities, fenced and not used yet, that the workers of this epoch begin with (R22). */
  readonly fresh: Readonly<Record<string, FreshIdentities>>
  /** Where every source goes on. */
  readonly sources: Readonly<Record<string, SourcePositions>>
  readonly exchanges: readonly ExchangeTopic[]
}

export interface WorkerReady extends OfEpoch {
  readonly type: 'worker-ready'
  readonly worker: string
  /** Its channels in this epoch (R17); null if it writes to no exchange. */
  readonly exchangeProducerId: number | null
}

/** All workers of the assignment are ready. */
export interface EpochStarted extends OfEpoch {
  readonly type: 'epoch-started'
  readonly at: string
}

/** A worker wants to leave, or knows that others want in: a last checkpoint first (R15). */
export interface FinalRequested extends OfEpoch {
  readonly type: 'final-requested'
  readonly worker: string
  readonly cause: string
}

/** A worker's state changes fill up what it may hold of them: a checkpoint before its time makes room. */
export interface EarlyRequested extends OfEpoch {
  readonly type: 'early-requested'
  readonly worker: string
}

/** Back pressure over an exchange (R19): sources wait while any reader says that it lags. */
export interface ExchangeLagging extends OfEpoch {
  readonly type: 'exchange-lagging'
  readonly worker: string
  readonly isLagging: boolean
}

export interface CheckpointTriggered extends OfEpoch {
  readonly type: 'checkpoint-triggered'
  readonly checkpoint: number
  readonly kind: CheckpointKind
  /** As the wall shows; absent in records of earlier releases, as in the decisions below. */
  readonly at?: string
  /** The id of the request that it serves; absent: none. */
  readonly request?: string
}

export interface CheckpointAcked extends OfEpoch {
  readonly type: 'checkpoint-acked'
  readonly checkpoint: number
  readonly worker: string
  readonly manifest: WorkerManifest
}

/** A worker can't take part in this checkpoint: its storage refuses. It is aborted without waiting for the timeout. */
export interface CheckpointDeclined extends OfEpoch {
  readonly type: 'checkpoint-declined'
  readonly checkpoint: number
  readonly worker: string
  readonly cause: string
  /** What the checkpoint is aborted for; absent in records of earlier releases. */
  readonly reason?: AbortReason
  /** How the cause is mended, where it is known. */
  readonly remedy?: string
}

export interface CheckpointCompleted extends OfEpoch {
  readonly type: 'checkpoint-completed'
  readonly checkpoint: number
  readonly path: string
  readonly sha256: string
  readonly at?: string
}

export interface CheckpointAborted extends OfEpoch {
  readonly type: 'checkpoint-aborted'
  readonly checkpoint: number
  readonly reason: AbortReason
  /** Who could not take part, and why. */
  readonly cause?: string
  readonly at?: string
}

/** From here on this checkpoint can't be restored, and what only it refers to is deleted (R14). */
export interface CheckpointDropped extends OfEpoch {
  readonly type: 'checkpoint-dropped'
  readonly checkpoint: number
}

export interface WorkerFailed extends OfEpoch {
  readonly type: 'worker-failed'
  readonly worker: string
  readonly code: string
  readonly cause: string
  /**
   * `restart`: by the job's restart strategy. `final`: a restart would fail the same way. `membership`: a worker has come or
   * gone; the next epoch begins at once.
   */
  readonly verdict: FailureVerdict
  readonly at: string
}

export type FailureVerdict = 'restart' | 'final' | 'membership'

/** Nobody goes on by himself: every copy ends. A copy that is started later claims anew. */
export interface JobFailed extends OfEpoch {
  readonly type: 'job-failed'
  readonly code: string
  readonly cause: string
}

/** A rewind by hand (R7): the next epoch restores this checkpoint, and what was completed behind it is given up. */
export interface RestoredTo extends OfEpoch {
  readonly type: 'restored-to'
  readonly checkpoint: number
}

/**
 * Somebody asks the running job for a savepoint, or to stop for good. The coordinator triggers a checkpoint for it. One at a
 * time; with its epoch it is over.
 */
export interface SavepointRequested extends OfEpoch {
  readonly type: 'savepoint-requested'
  readonly request: string
  /** The folder's URI; null: the job's own place for savepoints. */
  readonly to: string | null
  /** The job stops at its cut. */
  readonly isStop: boolean
  readonly at: string
}

/** Likewise, without a savepoint: a final checkpoint, and every copy ends. */
export interface CancelRequested extends OfEpoch {
  readonly type: 'cancel-requested'
  readonly request: string
  readonly at: string
}

/** All transactions of the worker up to this checkpoint are committed. Told only of a checkpoint that serves a request. */
export interface TransactionsCommitted extends OfEpoch {
  readonly type: 'transactions-committed'
  readonly checkpoint: number
  readonly worker: string
  /** Ids that no ack has told yet. */
  readonly committed: readonly string[]
}

/** For whoever waits: how much of the savepoint is written. */
export interface SavepointProgressed extends OfEpoch {
  readonly type: 'savepoint-progressed'
  readonly request: string
  readonly doneBytes: number
  readonly totalBytes: number
}

/** The savepoint exists, and all output before its cut is committed. */
export interface SavepointCompleted extends OfEpoch {
  readonly type: 'savepoint-completed'
  readonly request: string
  readonly checkpoint: number
  readonly uri: string
  /** Of its metadata. */
  readonly sha256: string
  readonly bytes: number
  /** As the wall shows; absent in records of earlier releases. */
  readonly at?: string
}

/** What was asked for can't be. The job goes on. */
export interface RequestFailed extends OfEpoch {
  readonly type: 'request-failed'
  readonly request: string
  readonly code: string
  readonly cause: string
}

/** On purpose, by a savepoint with stop or by a cancellation: every copy ends. A copy that is started later claims anew. */
export interface JobStopped extends OfEpoch {
  readonly type: 'job-stopped'
  readonly request: string
  /** Its checkpoints are given up: a later start begins anew. */
  readonly isForgotten: boolean
}

/**
 * The job has taken over a savepoint: its copy is checkpoint `checkpoint` of this job, and the restore point. Void where the
 * job has one, unless forced: what was completed before is given up then, as by a rewind.
 */
export interface SavepointRestored extends OfEpoch {
  readonly type: 'savepoint-restored'
  readonly savepoint: TakenSavepoint
  readonly checkpoint: number
  readonly path: string
  readonly sha256: string
  readonly isForced: boolean
}

export interface TakenSavepoint {
  readonly uri: string
  /** Of its metadata. */
  readonly sha256: string
}

/**
 * Everything before it, folded: a reader may begin here, and what lies before may be deleted (R1). Void unless nothing
 * stands between what it folds and itself.
 */
export interface Summary extends OfEpoch {
  readonly type: 'summary'
  /** The offset behind the last record folded: its own. */
  readonly asOf: number
  /** A FoldedView (folded-view.ts), which is made of records itself. */
  readonly view: Readonly<Record<string, unknown>>
}

export type ControlRecord =
  | EpochClaimed
  | SourceStarted
  | TransactionSalvaged
  | EpochRecovered
  | WorkerReady
  | EpochStarted
  | FinalRequested
  | EarlyRequested
  | ExchangeLagging
  | CheckpointTriggered
  | CheckpointAcked
  | CheckpointDeclined
  | CheckpointCompleted
  | CheckpointAborted
  | CheckpointDropped
  | WorkerFailed
  | JobFailed
  | RestoredTo
  | SavepointRequested
  | CancelRequested
  | TransactionsCommitted
  | SavepointProgressed
  | SavepointCompleted
  | RequestFailed
  | JobStopped
  | SavepointRestored
  | Summary

/** False for claims too. A worker reads on for a moment behind its epoch: what it finds there is valid, and not for it. */
export function isOfEpoch(record: ControlRecord, epoch: number): boolean {
  return record.type !== 'epoch-claimed' && record.epoch === epoch
}

export type ControlRecordType = ControlRecord['type']

const TYPES: Readonly<Record<ControlRecordType, true>> = {
  'epoch-claimed': true,
  'source-started': true,
  'transaction-salvaged': true,
  'epoch-recovered': true,
  'worker-ready': true,
  'epoch-started': true,
  'checkpoint-triggered': true,
  'checkpoint-acked': true,
  'checkpoint-declined': true,
  'checkpoint-completed': true,
  'checkpoint-aborted': true,
  'checkpoint-dropped': true,
  'final-requested': true,
  'early-requested': true,
  'exchange-lagging': true,
  'worker-failed': true,
  'job-failed': true,
  'restored-to': true,
  'savepoint-requested': true,
  'cancel-requested': true,
  'transactions-committed': true,
  'savepoint-progressed': true,
  'savepoint-completed': true,
  'request-failed': true,
  'job-stopped': true,
  'savepoint-restored': true,
  summary: true,
}

export function encodeControlRecord(record: ControlRecord): Buffer {
  return Buffer.from(JSON.stringify({ v: CONTROL_VERSION, ...record }))
}

export function decodeControlRecord(value: Buffer, offset: number): ControlRecord {
  let parsed: { v?: unknown; type?: unknown }
  try {
    parsed = JSON.parse(value.toString('utf8'))
  } catch (cause) {
    throw new MillraceError('MR_CONTROL_LOG_CORRUPT', `record ${offset} of the control log is not JSON`, { cause })
  }
  if (parsed?.v !== CONTROL_VERSION || typeof parsed.type !== 'string' || !Object.hasOwn(TYPES, parsed.type)) {
    throw new MillraceError(
      'MR_CONTROL_LOG_UNKNOWN_RECORD',
      `record ${offset} of the control log is of type ${JSON.stringify(parsed?.type)}, version ${JSON.stringify(parsed?.v)}`,
    )
  }
  return parsed as ControlRecord
}
