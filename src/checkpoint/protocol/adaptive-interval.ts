/**
 * The checkpoint interval that adapts itself, within bounds: longer when checkpoints take a large part of it, fail, or the
 * job is under back pressure; shorter, step by step, when there is room. Pure.
 *
 * It doesn't swing. A checkpoint never takes longer at a shorter interval, so after a step down, which asks for a duration
 * below `SHORT_SHARE` of the new interval, it is below `LONG_SHARE` of it; and after a step up it is above `SHORT_SHARE`. Between the
 * two lies a factor of 1.6 for chance. Back pressure may well depend on the interval itself: so below an interval that has
 * brought it, the next try comes after twice as many calm checkpoints each time.
 */
export interface IntervalBounds {
  readonly minMs: number
  readonly maxMs: number
}

export interface AdaptiveInterval {
  readonly intervalMs: number
  /** Checkpoints in a row that would have been well with a shorter interval. */
  readonly calm: number
  /** The longest interval that has brought back pressure, and the calm that the next try of it takes. */
  readonly strained: { readonly intervalMs: number; readonly calmNeeded: number } | null
}

/** What a checkpoint has shown. */
export interface IntervalObservation {
  readonly durationMs: number
  /** Share of the time since the last checkpoint that processing waited for others, 0 to 1. */
  readonly backPressure: number
  readonly isAborted: boolean
}

export type IntervalChange = 'back-pressure' | 'long-duration' | 'aborted' | 'idle'

const LONG_SHARE = 0.5
const SHORT_SHARE = 0.25
const STRAINED = 0.5
const CALM = 0.1
const UP = 1.5
const DOWN = 1.25
/** Calm checkpoints in a row before a step down. */
const CALM_NEEDED = 4
const LONGEST_CALM_NEEDED = 1024

export function startInterval(intervalMs: number, { minMs, maxMs }: IntervalBounds): AdaptiveInterval {
  return { intervalMs: Math.min(maxMs, Math.max(minMs, intervalMs)), calm: 0, strained: null }
}

/** @returns the state behind the checkpoint, and why the interval has changed; null: it has not */
export function adaptInterval(
  state: AdaptiveInterval,
  seen: IntervalObservation,
  bounds: IntervalBounds,
): { readonly state: AdaptiveInterval; readonly change: IntervalChange | null } {
  const reason = reasonToLengthen(state, seen)
  if (reason !== null) {
    const intervalMs = Math.min(bounds.maxMs, Math.round(state.intervalMs * UP))
    const strained = reason === 'back-pressure' ? strainedAt(state) : state.strained
    return { state: { intervalMs, calm: 0, strained }, change: intervalMs === state.intervalMs ? null : reason }
  }
  const shorterMs = Math.max(bounds.minMs, Math.floor(state.intervalMs / DOWN))
  if (shorterMs >= state.intervalMs || seen.durationMs > SHORT_SHARE * shorterMs || seen.backPressure > CALM) {
    return { state: { ...state, calm: 0 }, change: null }
  }
  const calm = state.calm + 1
  const isStrained = state.strained !== null && shorterMs <= state.strained.intervalMs
  if (calm < (isStrained ? state.strained.calmNeeded : CALM_NEEDED)) return { state: { ...state, calm }, change: null }
  return { state: { ...state, intervalMs: shorterMs, calm: 0 }, change: 'idle' }
}

function reasonToLengthen({ intervalMs }: AdaptiveInterval, seen: IntervalObservation): IntervalChange | null {
  if (seen.isAborted) return 'aborted'
  if (seen.durationMs > LONG_SHARE * intervalMs) return 'long-duration'
  return seen.backPressure > STRAINED ? 'back-pressure' : null
}

function strainedAt({ intervalMs, strained }: AdaptiveInterval): AdaptiveInterval['strained'] {
  // Still on its way up from the same strain.
  if (strained !== null && intervalMs > strained.intervalMs) return { ...strained, intervalMs }
  const calmNeeded = Math.min(LONGEST_CALM_NEEDED, 2 * (strained?.calmNeeded ?? CALM_NEEDED))
  return { intervalMs: strained?.intervalMs ?? intervalMs, calmNeeded }
}
