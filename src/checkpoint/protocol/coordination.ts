/**
 * What the coordinator does next: pure decisions over what the log says and what time it is. The driver
 * (runtime/coordinator.ts) carries them out by appending to the log; nothing here remembers anything.
 */
import type { AbortReason } from './abort-reason.ts'
import type { IntervalBounds } from './adaptive-interval.ts'
import type { CheckpointKind } from './control-records.ts'
import { isStop, type LogView } from './log-view.ts'

export interface CheckpointSettings {
  readonly intervalMs: number
  /** The interval adapts itself within these; null: it stays as it is. */
  readonly adaptive?: IntervalBounds | null
  readonly timeoutMs: number
  readonly minPauseMs: number
  /** Aborted checkpoints in a row that are borne; one more fails the epoch. */
  readonly tolerableFailures: number
  /** Completed checkpoints that are kept. */
  readonly retained: number
  /** Records of the log between two summaries. */
  readonly summaryEvery: number
}

/** What the view doesn't tell: the coordinator's own clock and wishes. Times are monotonic milliseconds. */
export interface CoordinatorFacts {
  readonly nowMs: number
  /** When the last checkpoint of this epoch was triggered; before the first, so that it comes when it shall. */
  readonly lastTriggeredAtMs: number
  /** When the last one was decided; likewise. */
  readonly lastDecidedAtMs: number
  /** `soon`: the overlay is filling up; `final`: the worker is stopping. */
  readonly wanted: 'none' | 'soon' | 'final'
  readonly failuresInRow: number
  /** The log's end at the last try of a summary: it is void if another record came between. */
  readonly summaryTriedAt: number
}

export type CoordinatorDecision =
  /** Nothing before this moment, unless the log moves on. */
  | { readonly kind: 'wait'; readonly untilMs: number }
  | {
      readonly kind: 'trigger'
      readonly checkpoint: number
      readonly checkpointKind: CheckpointKind
      /** The request that it serves. */
      readonly request?: string
    }
  | { readonly kind: 'complete'; readonly checkpoint: number }
  | { readonly kind: 'abort'; readonly checkpoint: number; readonly reason: AbortReason }
  | { readonly kind: 'drop'; readonly checkpoint: number }
  /** Fold the log into a summary, so that what stands before may be deleted. */
  | { readonly kind: 'summarise' }
  | { readonly kind: 'give-up' }

export function decide(view: LogView, settings: CheckpointSettings, facts: CoordinatorFacts): CoordinatorDecision {
  if (view.epochState !== 'started') return { kind: 'wait', untilMs: Number.POSITIVE_INFINITY }
  if (facts.failuresInRow > settings.tolerableFailures) return { kind: 'give-up' }
  if (view.pending !== undefined) return decidePending(view, settings, facts)
  const abandoned = view.abandoned[0]
  if (abandoned !== undefined) return { kind: 'drop', checkpoint: abandoned.checkpoint }
  const oldest = view.retained[0]
  // A savepoint is made of what a checkpoint refers to, and of frames that only a drop would trim.
  const mayDrop = view.request?.completed === undefined
  if (mayDrop && oldest !== undefined && view.retained.length > settings.retained) {
    return { kind: 'drop', checkpoint: oldest.checkpoint }
  }
  const unfolded = view.nextOffset - Math.max(0, view.lastSummary)
  const { summaryEvery } = settings
  const isIdle = facts.wanted === 'none' && view.request === undefined
  if (unfolded >= summaryEvery && isIdle && facts.summaryTriedAt + summaryEvery <= view.nextOffset) {
    return { kind: 'summarise' }
  }
  const asked = decideRequested(view, facts)
  if (asked !== undefined) return asked
  const dueAtMs = dueAt(settings, facts)
  if (facts.nowMs < dueAtMs) return { kind: 'wait', untilMs: dueAtMs }
  return {
    kind: 'trigger',
    checkpoint: nextNumber(view),
    checkpointKind: facts.wanted === 'final' ? 'final' : 'periodic',
  }
}

function decidePending(view: LogView, settings: CheckpointSettings, facts: CoordinatorFacts): CoordinatorDecision {
  const { triggered, acks, declines } = view.pending!
  const { checkpoint } = triggered
  if (workersOf(view).every((worker) => acks.has(worker))) return { kind: 'complete', checkpoint }
  const [declined] = declines.values()
  if (declined !== undefined) return { kind: 'abort', checkpoint, reason: declined.reason ?? 'declined' }
  const timeoutAtMs = facts.lastTriggeredAtMs + settings.timeoutMs
  if (facts.nowMs >= timeoutAtMs) return { kind: 'abort', checkpoint, reason: 'timeout' }
  return { kind: 'wait', untilMs: timeoutAtMs }
}

/** Never one that was used, whatever became of it (R9). */
function nextNumber(view: LogView): number {
  return view.lastCheckpoint + 1
}

/** Somebody waits for it, so at once. Where the workers are about to stop anyway, only if they were to stop for it too. */
function decideRequested(view: LogView, facts: CoordinatorFacts): CoordinatorDecision | undefined {
  const { request } = view
  if (request === undefined || request.checkpoint !== undefined) return undefined
  const isStopping = isStop(request)
  if (facts.wanted === 'final' && !isStopping) return undefined
  return {
    kind: 'trigger',
    checkpoint: nextNumber(view),
    checkpointKind: isStopping ? 'final' : 'periodic',
    request: request.requested.request,
  }
}

function dueAt(settings: CheckpointSettings, facts: CoordinatorFacts): number {
  // A final checkpoint waits for nobody; an early one still leaves the pause that the user asked for.
  if (facts.wanted === 'final') return facts.nowMs
  const afterPauseMs = facts.lastDecidedAtMs + settings.minPauseMs
  if (facts.wanted === 'soon') return afterPauseMs
  return Math.max(facts.lastTriggeredAtMs + settings.intervalMs, afterPauseMs)
}

/** The workers whose acks make a checkpoint complete. */
export function workersOf(view: LogView): readonly string[] {
  return view.claim === undefined ? [] : Object.keys(view.claim.assignment)
}
