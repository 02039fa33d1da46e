/** The state of a LogView as plain JSON: what a `summary` holds, so that the log before it may be deleted (R1). */
import type { SourceStart } from '../../ports/source.ts'
import type { EpochClaimed, EpochRecovered, EpochStarted, RestorePoint } from './control-records.ts'
import type { EpochFailure, LogView, PastFailure } from './log-view.ts'

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
  readonly poolWorkers: number
  readonly poolSlots: number
}

/** Of a started epoch with no checkpoint pending. */
export function foldView(view: LogView): FoldedView {
  const { epoch, claim, recovered, started, failure, failedAt, failures, lastCheckpoint } = view
  const { restorePoint, settlePoint, retained, abandoned, poolWorkers, poolSlots } = view
  return {
    epoch,
    claim,
    recovered,
    started,
    failure,
    failedAt,
    failures: [...failures],
    ready: [...view.ready],
    lagging: [...view.lagging],
    lastCheckpoint,
    restorePoint,
    settlePoint,
    retained: [...retained],
    abandoned: [...abandoned],
    sourceStarts: [...view.sourceStarts],
    settled: [...view.settled],
    poolWorkers,
    poolSlots,
  }
}

/** Makes a new view what the folded one was. */
export function unfoldView(view: LogView, folded: FoldedView): void {
  const { ready, lagging, failures, retained, abandoned, sourceStarts, settled, ...rest } = folded
  Object.assign(view, rest)
  view.epochState = 'started'
  view.failures = [...failures]
  view.retained = [...retained]
  view.abandoned = [...abandoned]
  view.settled = new Set(settled)
  for (const [worker, producerId] of ready) view.ready.set(worker, producerId)
  for (const worker of lagging) view.lagging.add(worker)
  for (const [source, start] of sourceStarts) view.sourceStarts.set(source, start)
}
