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
/** What is smaller tells of the latency of the storage, not of its speed. */
const LEAST_TRANSFER_BYTES = 256 * 1024
/** Rates over less tell more of chance than of load. */
const LEAST_WINDOW_MS = 200

export class LoadFigures {
  uploadedBytes = 0
  uploadMs = 0
  uploadedEntries = 0
  /** Of the last checkpoint. */
  changedEntries = 0
  private changedSince = 0
  restoredBytes = 0
  restoredEntries = 0
  restoreMs = 0
  private readonly uploads = new Speed()
  private readonly restores = new Speed()
  /** The loop had nothing to do. */
  idleMs = 0
  /** Part of it although records lay at the broker. */
  starvedMs = 0
  /** It waited for sinks, exchanges, or room for state changes. */
  backPressuredMs = 0
  /** Since when the loop runs; NaN: it doesn't. */
  private runningSinceMs = Number.NaN
  /** Of loops that have ended. */
  private ranMs = 0
  processedPerSecond = Number.NaN
  inputPerSecond = Number.NaN
  /** Between two completions. */
  windowMs = Number.NaN
  private taken = { atMs: 0, waitedMs: 0 }
  private last: { readonly atMs: number; readonly processed: number; readonly lag: number } | undefined

  uploaded({ entries, bytes, ms }: UploadedSegment): void {
    this.uploadedEntries += entries
    this.uploadedBytes += bytes
    this.uploadMs += ms
    if (bytes >= LEAST_TRANSFER_BYTES) this.uploads.add(bytes, ms)
    this.changedSince += entries
  }

  restored(report: { readonly fetchedBytes: number; readonly fetchedEntries: number }, ms: number): void {
    this.restoredBytes += report.fetchedBytes
    this.restoredEntries += report.fetchedEntries
    this.restoreMs += ms
    if (report.fetchedBytes >= LEAST_TRANSFER_BYTES) this.restores.add(report.fetchedBytes, ms)
  }

  /** The loop begins: rates begin anew. */
  begin(nowMs: number): void {
    this.runningSinceMs = nowMs
    this.last = undefined
    this.taken = { atMs: nowMs, waitedMs: this.backPressuredMs }
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
    const sinceMs = nowMs - last.atMs
    const perSecond = 1_000 / sinceMs
    this.windowMs = averaged(this.windowMs, sinceMs)
    const records = processed - last.processed
    this.processedPerSecond = averaged(this.processedPerSecond, records * perSecond)
    // What came in is what was processed and what has been left lying.
    this.inputPerSecond = averaged(this.inputPerSecond, Math.max(0, (records + lag - last.lag) * perSecond))
  }

  /** Share of the time since the last call, or since the loop began, that it waited for others; 0 to 1. */
  takeBackPressure(nowMs: number): number {
    const { atMs, waitedMs } = this.taken
    this.taken = { atMs: nowMs, waitedMs: this.backPressuredMs }
    return nowMs > atMs ? Math.min(1, (this.backPressuredMs - waitedMs) / (nowMs - atMs)) : 0
  }

  /** NaN: nothing large enough has been transferred yet. */
  get uploadBytesPerSecond(): number {
    return this.uploads.bytesPerSecond
  }

  get restoreBytesPerSecond(): number {
    return this.restores.bytesPerSecond
  }

  /** Records a second if there were always something to do; NaN: nothing is known yet. */
  capacityPerSecond(nowMs: number, processed: number): number {
    const busyMs = this.busyMs(nowMs)
    return processed === 0 || busyMs < LEAST_WINDOW_MS ? Number.NaN : (processed / busyMs) * 1_000
  }
}

class Speed {
  private bytes = 0
  private ms = 0

  /** What was long ago fades: storage is slow at some times of the day. */
  add(bytes: number, ms: number): void {
    this.bytes = this.bytes * (1 - NEWEST_SHARE) + bytes
    this.ms = this.ms * (1 - NEWEST_SHARE) + ms
  }

  get bytesPerSecond(): number {
    return this.ms > 0 ? (this.bytes / this.ms) * 1_000 : Number.NaN
  }
}

function averaged(before: number, value: number): number {
  return Number.isNaN(before) ? value : before + (value - before) * NEWEST_SHARE
}
