/**
 * Time to live: when the values of a state expire, and by which time that is judged.
 *
 * The expiry of a value is written with it, so it holds wherever the value goes: heap, segment, backend, restore.
 */

import type { TimeToLive } from '../records/time-to-live.ts'

/**
 * The time that a task judges expiry by: the worker's clock as of the batch under way. It never goes back while the task
 * runs, so what has expired stays expired, and it stands still during a batch, so a value does not expire while user code
 * looks at it.
 */
export class StateTime {
  nowMs = 0

  advance(nowMs: number): void {
    if (nowMs > this.nowMs) this.nowMs = nowMs
  }
}

export interface Expiry {
  readonly time: StateTime
  /** Null: values are written without an expiry, but older ones may still have one. */
  readonly ttl: TimeToLive | null
}
