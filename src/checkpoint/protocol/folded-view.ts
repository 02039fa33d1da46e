/** The state of a LogView as plain JSON: what a `summary` holds, so that the log before it may be deleted (R1). */
import type { SourceStart } from '../../ports/source.ts'
import type { PastCheckpoint } from './checkpoint-history.ts'
import type {
  EpochClaimed,
  EpochRecovered,
  EpochStarted,
  FailureVerdict,
  RestorePoint,
  TakenSavepoint,
} from './control-records.ts'

/** Why the epoch of the last claim has ended. */
export interface EpochFailure {
  readonly worker: string
  readonly code: string
  readonly cause: string
  readonly verdict: FailureVerdict
}

/** For restart strategies. Times as the wall shows. */
export interface PastFailure {
  /** Of its `worker-failed` in the log. */
  readonly offset: number
  readonly atMs: number
  /** From `epoch-started` on; 0 if the epoch failed before. */
  readonly ranMs: number
}

/** A savepoint that was asked for, and is there as far as the log knows: people may have moved or deleted it. */
export interface LastSavepoint {
  readonly checkpoint: number
  readonly uri: string
  readonly bytes: number
  /** Null in what earlier releases wrote. */
  readonly at: string | null
}

export interface FoldedView {
  readonly epoch: number
  readonly claim: EpochClaimed | undefined
  readonly recovered: EpochRecovered | undefined
  readonly started: EpochStarted | undefined
  readonly failure: EpochFailure | undefined
  readonly failedAt: number
  readonly failures: readonly PastFailure[]
  readonly ready: readonly (readonly [string, number | null])[]
  readonly lagging: readonly string[]
  readonly lastCheckpoint: number
  readonly restorePoint: RestorePoint | null
  readonly settlePoint: RestorePoint | null
  readonly retained: readonly RestorePoint[]
  readonly abandoned: readonly RestorePoint[]
  readonly sourceStarts: readonly (readonly [string, SourceStart])[]
  readonly settled: readonly string[]
  /** Absent in summaries of earlier releases; likewise the next. */
  readonly history?: readonly PastCheckpoint[]
  readonly lineage?: readonly Pick<RestorePoint, 'checkpoint' | 'sha256'>[]
  readonly poolWorkers: number
  readonly poolSlots: number
  /** Absent in summaries of earlier releases. */
  readonly restoredFrom?: TakenSavepoint | undefined
  /** Likewise. */
  readonly lastSavepoint?: LastSavepoint | undefined
}
