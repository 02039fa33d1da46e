/**
 * What a worker's work amounts to: uploads, restores, changes, and how its loop spends its time. Plain numbers that only
 * grow, and rates over the last checkpoints. The advisor (service/advisor.ts) and metrics read them, the runtime writes them.
 */

export interface UploadedSegment {
  readonly entries: number
  readonly bytes: number
  readonly ms: number
}

/** Of a rate the newest checkpoint counts so much: about the last ten make it. */
const NEWEST_SHARE = 0.2
/** Rates over less tell more of chance than of load. */
const LEAST_WINDOW_MS = 200

export class LoadFigures {
  uploadedBytes = 0
  uploadMs = 0
  uploadedEntries = 0
  /** Since the last checkpoint was completed, and in the one before. */
  private changedSince = 0
  changedEntries = 0
  restoredBytes = 0
  restoredEntries = 0
  restoreMs = 0
  /** The loop had nothing to do. */
  idleMs = 0
  /** It waited for sinks, exchanges, or room for state changes. */
  backPressuredMs = 0
  /** Since when the loop runs; NaN: it doesn't. */
  private runningSinceMs = Number.NaN
  /** Of loops that have ended. */
  private ranMs = 0
  processedPerSecond = Number.NaN
  inputPerSecond = Number.NaN
  updatesPerSecond = Number.NaN
  /** Between the last two completions. */
  windowMs = Number.NaN
  private last: { readonly atMs: number; readonly processed: number; readonly lag: number } | undefined

  uploaded({ entries, bytes, ms }: UploadedSegment): void {
    this.uploadedEntries += entries
    this.uploadedBytes += bytes
    this.uploadMs += ms
    this.changedSince += entries
  }

  restored(report: { readonly fetchedBytes: number; readonly fetchedEntries: number }, ms: number): void {
    this.restoredBytes += report.fetchedBytes
    this.restoredEntries += report.fetchedEntries
    this.restoreMs += ms
  }

  /** The loop begins: rates begin anew. */
  begin(nowMs: number): void {
    this.runningSinceMs = nowMs
    this.last = undefined
    this.changedSince = 0
  }

  end(nowMs: number): void {
    if (!Number.isNaN(this.runningSinceMs)) this.ranMs += nowMs - this.runningSinceMs
    this.runningSinceMs = Number.NaN
  }

  /** Time of the loop that was work, of all its time. */
  busyMs(nowMs: number): number {
    const running = Number.isNaN(this.runningSinceMs) ? 0 : nowMs - this.runningSinceMs
    return Math.max(0, this.ranMs + running - this.idleMs - this.backPressuredMs)
  }

  /**
   * A checkpoint is complete.
   *
   * @param processed records since the process started
   * @param lag records not read yet
   */
  completed(nowMs: number, processed: number, lag: number): void {
    const { last } = this
    this.changedEntries = this.changedSince
    this.changedSince = 0
    this.last = { atMs: nowMs, processed, lag }
    if (last === undefined || nowMs - last.atMs < LEAST_WINDOW_MS) return
    this.windowMs = nowMs - last.atMs
    const perSecond = 1_000 / this.windowMs
    const records = processed - last.processed
    this.processedPerSecond = averaged(this.processedPerSecond, records * perSecond)
    // What came in is what was processed and what has been left lying.
    this.inputPerSecond = averaged(this.inputPerSecond, Math.max(0, (records + lag - last.lag) * perSecond))
    this.updatesPerSecond = averaged(this.updatesPerSecond, this.changedEntries * perSecond)
  }

  /** Records a second if there were always something to do; NaN: nothing is known yet. */
  capacityPerSecond(nowMs: number, processed: number): number {
    const busyMs = this.busyMs(nowMs)
    return processed === 0 || busyMs < LEAST_WINDOW_MS ? Number.NaN : (processed / busyMs) * 1_000
  }
}

function averaged(before: number, value: number): number {
  return Number.isNaN(before) ? value : before + (value - before) * NEWEST_SHARE
}
