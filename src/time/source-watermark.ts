/** The watermark of a source partition: bounded out-of-orderness. */
import { IDLE, NO_WATERMARK } from './task-watermark.ts'

export interface WatermarkSettings {
  /** How much earlier than the latest one a record may be, ms. */
  readonly outOfOrdernessMs: number
  /** A partition without records for so long holds up nothing; Infinity: it always does. */
  readonly idleAfterMs: number
}

export class SourceWatermark {
  private readonly settings: WatermarkSettings
  private latest = NO_WATERMARK
  private seenAtMs: number

  /** Times are monotonic milliseconds, but for those of records. */
  constructor(settings: WatermarkSettings, nowMs: number) {
    this.settings = settings
    this.seenAtMs = nowMs
  }

  observe(timestamps: ArrayLike<number>, count: number, nowMs: number): void {
    let { latest } = this
    for (let i = 0; i < count; i++) {
      const timestamp = timestamps[i]!
      if (timestamp > latest) latest = timestamp
    }
    this.latest = latest
    if (count > 0) this.seenAtMs = nowMs
  }

  /** Behind the last record that may still come: one less than it, since that one is yet to come. */
  at(nowMs: number): number {
    const { outOfOrdernessMs, idleAfterMs } = this.settings
    if (nowMs - this.seenAtMs >= idleAfterMs) return IDLE
    return this.latest - outOfOrdernessMs - 1
  }
}
