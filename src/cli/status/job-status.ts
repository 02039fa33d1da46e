/** What the control log says of a job, put together for people and programs. */
import type { RestorePoint } from '../../checkpoint/protocol/control-records.ts'
import type { LastSavepoint } from '../../checkpoint/protocol/folded-view.ts'
import type { LogView } from '../../checkpoint/protocol/log-view.ts'
import type { TaskKey } from '../../records/task-id.ts'
import type { JobLog, ValidRecord } from '../job-log.ts'

/**
 * `never-run`: the log is empty. `stopped`: the last epoch ended by a final checkpoint. `running` says that nothing in the
 * log speaks against it: processes that were all killed at once have left no word.
 */
export type JobPhase = 'never-run' | 'starting' | 'running' | 'stopped' | 'restarting' | 'failed'

export interface JobStatus {
  readonly applicationId: string
  readonly phase: JobPhase
  /** Null where the job has never run. */
  readonly epoch: { readonly number: number; readonly claimedAt: string | null; readonly startedAt: string | null } | null
  readonly workers: ReadonlyArray<{
    readonly worker: string
    readonly isReady: boolean
    /** Its exchange input is behind: sources wait for it. */
    readonly isLagging: boolean
    readonly tasks: readonly TaskKey[]
    /** Tasks of others that it keeps copies of. */
    readonly standby: readonly TaskKey[]
    /** The oldest checkpoint that one of these is, as of its last ack; null: it has not said. */
    readonly standbyCheckpoint: number | null
  }>
  readonly restorePoint: RestorePoint | null
  /** Those that one can rewind to. */
  readonly retained: readonly number[]
  readonly pending: { readonly checkpoint: number; readonly kind: string; readonly waitingFor: readonly string[] } | null
  /** The last one that was written on request. */
  readonly lastSavepoint: LastSavepoint | null
  /** Newest first, as far back as the log reaches. */
  readonly failures: readonly JobFailure[]
}

export interface JobFailure {
  readonly at: string
  readonly epoch: number
  readonly worker: string
  readonly code: string
  readonly cause: string
}

const FAILURES_SHOWN = 5

export function statusOf({ applicationId, follower, records }: JobLog): JobStatus {
  const { view } = follower
  const { claim, restorePoint } = view
  return {
    applicationId,
    phase: phaseOf(view, records),
    epoch: view.epoch < 0 ? null : { number: view.epoch, claimedAt: claim?.at ?? null, startedAt: view.started?.at ?? null },
    workers: Object.entries(claim?.assignment ?? {}).map(([worker, tasks]) => ({
      worker,
      isReady: view.ready.has(worker),
      isLagging: view.lagging.has(worker),
      tasks,
      standby: claim?.standby?.[worker] ?? [],
      standbyCheckpoint: standbyCheckpointOf(records, view.epoch, worker),
    })),
    restorePoint,
    retained: view.retained.map(({ checkpoint }) => checkpoint),
    pending: pendingOf(view),
    lastSavepoint: view.lastSavepoint ?? null,
    failures: failuresOf(records),
  }
}

function standbyCheckpointOf(records: readonly ValidRecord[], epoch: number, worker: string): number | null {
  const last = records.findLast(
    ({ record }) => record.type === 'checkpoint-acked' && record.epoch === epoch && record.worker === worker,
  )
  return (last?.record.type === 'checkpoint-acked' ? last.record.manifest.standbyCheckpoint : undefined) ?? null
}

function phaseOf(view: LogView, records: readonly ValidRecord[]): JobPhase {
  switch (view.epochState) {
    case 'none':
      return 'never-run'
    case 'claimed':
    case 'recovered':
      return 'starting'
    case 'started':
      return endedByFinal(view, records) ? 'stopped' : 'running'
    case 'failed':
      return 'restarting'
    case 'stopped':
      return 'stopped'
    case 'over':
      return 'failed'
  }
}

/** A final checkpoint comes before a change of workers too: the claim behind it follows within the rebalance. */
function endedByFinal({ epoch, lastCheckpoint, pending }: LogView, records: readonly ValidRecord[]): boolean {
  const isOfLast = ({ record }: ValidRecord) =>
    'checkpoint' in record && record.checkpoint === lastCheckpoint && record.epoch === epoch
  const last = records.filter(isOfLast).map(({ record }) => record)
  const isFinal = last.some((record) => record.type === 'checkpoint-triggered' && record.kind === 'final')
  return pending === undefined && isFinal && last.some((record) => record.type === 'checkpoint-completed')
}

function pendingOf({ pending, claim }: LogView): JobStatus['pending'] {
  if (pending === undefined) return null
  const { checkpoint, kind } = pending.triggered
  const waitingFor = Object.keys(claim?.assignment ?? {}).filter((worker) => !pending.acks.has(worker))
  return { checkpoint, kind, waitingFor }
}

function failuresOf(records: readonly ValidRecord[]): JobFailure[] {
  const failures: JobFailure[] = []
  for (const { record } of records.toReversed()) {
    if (record.type !== 'worker-failed') continue
    const { at, epoch, worker, code, cause } = record
    failures.push({ at, epoch, worker, code, cause })
    if (failures.length === FAILURES_SHOWN) break
  }
  return failures
}
