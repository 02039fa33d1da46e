/** What became of the last checkpoints, as far back as is kept: for people who ask why some were not completed. */
import type { AbortReason } from './abort-reason.ts'
import type { CheckpointKind, CheckpointTriggered } from './control-records.ts'

/** `abandoned`: its epoch ended before it was decided. */
export type CheckpointOutcome = 'completed' | 'aborted' | 'abandoned'

export interface PastCheckpoint {
  readonly checkpoint: number
  readonly epoch: number
  readonly kind: CheckpointKind
  /** Null in what earlier releases wrote; likewise below. */
  readonly triggeredAt: string | null
  readonly outcome: CheckpointOutcome
  readonly decidedAt: string | null
  /** Of an aborted one. */
  readonly reason: AbortReason | null
  /** Who could not take part, and why. */
  readonly cause: string | null
}

/** More than anybody reads, and little in a summary: some 200 bytes each. */
export const HISTORY_KEPT = 200

/** Causes are whole error messages, of storages too: what is longer says nothing more. */
const CAUSE_CHARACTERS = 500

export function pastCheckpoint(
  { checkpoint, epoch, kind, at }: CheckpointTriggered,
  outcome: CheckpointOutcome,
  end: { readonly at?: string | undefined; readonly reason?: AbortReason; readonly cause?: string | undefined } = {},
): PastCheckpoint {
  return {
    checkpoint,
    epoch,
    kind,
    triggeredAt: at ?? null,
    outcome,
    decidedAt: end.at ?? null,
    reason: end.reason ?? null,
    cause: end.cause?.slice(0, CAUSE_CHARACTERS) ?? null,
  }
}
