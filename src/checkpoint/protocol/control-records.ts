/**
 * The records of the control log (R1 to R3 of docs/protocol.md): every decision of a job, in JSON, one object a record.
 *
 * All but `epoch-claimed` carry the epoch they were written in, and are void unless it is that of the last valid claim
 * before them (R3). Unknown fields are kept and ignored; an unknown type or version stops the reader, which must not act
 * on a log that it doesn't understand.
 */
import { MillraceError } from '../../common/errors.ts'
import type { GroupMember } from '../../ports/group-membership.ts'
import type { SourceStart } from '../../ports/source.ts'
import type { Committable } from '../../ports/transactional-sink.ts'
import type { WorkerManifest } from '../manifest.ts'

export const CONTROL_VERSION = 1

export type CheckpointKind = 'periodic' | 'final'

/** Why a checkpoint was given up. Shows in the log, metrics and history. */
export type AbortReason = 'timeout' | 'declined' | 'metadata-not-written'

/** A claim's offset in the log is its epoch's number. */
export interface EpochClaimed {
  readonly type: 'epoch-claimed'
  readonly nonce: string
  /** The last valid claim before it, or -1: otherwise this claim is void. */
  readonly previousEpoch: number
  readonly members: readonly GroupMember[]
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
}

export interface WorkerReady extends OfEpoch {
  readonly type: 'worker-ready'
  readonly worker: string
}

export interface EpochStarted extends OfEpoch {
  readonly type: 'epoch-started'
  /** Worker → the keys of its tasks. */
  readonly assignment: Readonly<Record<string, readonly string[]>>
}

export interface CheckpointTriggered extends OfEpoch {
  readonly type: 'checkpoint-triggered'
  readonly checkpoint: number
  readonly kind: CheckpointKind
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
}

export interface CheckpointCompleted extends OfEpoch {
  readonly type: 'checkpoint-completed'
  readonly checkpoint: number
  readonly path: string
  readonly sha256: string
}

export interface CheckpointAborted extends OfEpoch {
  readonly type: 'checkpoint-aborted'
  readonly checkpoint: number
  readonly reason: AbortReason
}

/** From here on this checkpoint can't be restored, and what only it refers to is deleted (R14). */
export interface CheckpointDropped extends OfEpoch {
  readonly type: 'checkpoint-dropped'
  readonly checkpoint: number
}

export interface WorkerFailed extends OfEpoch {
  readonly type: 'worker-failed'
  readonly worker: string
  readonly cause: string
}

export type ControlRecord =
  | EpochClaimed
  | SourceStarted
  | TransactionSalvaged
  | EpochRecovered
  | WorkerReady
  | EpochStarted
  | CheckpointTriggered
  | CheckpointAcked
  | CheckpointDeclined
  | CheckpointCompleted
  | CheckpointAborted
  | CheckpointDropped
  | WorkerFailed

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
  'worker-failed': true,
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
