/** A clock for work in the background: each time it gives way, it rests so long that it takes only its share of the time. */
import type { Clock } from '../common/clock.ts'

export interface PacedClock extends Clock {
  /** Time spent working so far, between one rest and the next. */
  readonly busyMs: number
}

/** @param share above 0, up to 1: of one event loop */
export function pacedClock(clock: Clock, share: number, signal: AbortSignal): PacedClock {
  let workingSinceMs = clock.monotonicMs()
  let busyMs = 0
  return {
    ...clock,
    get busyMs() {
      return busyMs
    },
    async turn() {
      const workedMs = Math.max(0, clock.monotonicMs() - workingSinceMs)
      busyMs += workedMs
      const restMs = workedMs * (1 / share - 1)
      if (restMs < 1) await clock.turn()
      else await clock.sleep(restMs, signal)
      workingSinceMs = clock.monotonicMs()
    },
  }
}
