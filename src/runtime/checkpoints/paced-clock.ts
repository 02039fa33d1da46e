/** A clock for work in the background: each time it gives way, it rests so long that it takes only its share of the time. */
import type { Clock } from '../../common/clock.ts'

/** Work gives way every few milliseconds: what is longer was waiting, for the storage or for something to do. */
const MOST_MS = 10

export class PacedClock implements Clock {
  /** Time spent working so far, between one rest and the next. */
  busyMs = 0
  private readonly clock: Clock
  private readonly share: number
  private readonly signal: AbortSignal
  private workingSinceMs: number

  /** @param share above 0, up to 1: of one event loop */
  constructor(clock: Clock, share: number, signal: AbortSignal) {
    this.clock = clock
    this.share = share
    this.signal = signal
    this.workingSinceMs = clock.monotonicMs()
  }

  async turn(): Promise<void> {
    const workedMs = Math.min(MOST_MS, Math.max(0, this.clock.monotonicMs() - this.workingSinceMs))
    this.busyMs += workedMs
    const restMs = workedMs * (1 / this.share - 1)
    if (restMs < 1) await this.clock.turn()
    else await this.clock.sleep(restMs, this.signal)
    this.workingSinceMs = this.clock.monotonicMs()
  }

  nowMs(): number {
    return this.clock.nowMs()
  }

  monotonicMs(): number {
    return this.clock.monotonicMs()
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.clock.sleep(ms, signal)
  }

  schedule(ms: number, run: () => void): () => void {
    return this.clock.schedule(ms, run)
  }

  every(ms: number, run: () => void): () => void {
    return this.clock.every(ms, run)
  }
}
