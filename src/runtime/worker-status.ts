/** What a worker tells the outside about itself: health and metrics read it, the runtime writes it. Plain numbers. */
import type { WorkerManifest } from '../checkpoint/manifest.ts'
import type { CheckpointMetadata } from '../checkpoint/metadata.ts'
import type { AbortReason } from '../checkpoint/protocol/abort-reason.ts'
import { type StoredState, storedState } from '../checkpoint/stored-state.ts'
import type { StateBackend } from '../ports/state-backend.ts'
import type { WorkerState } from '../state/worker-state.ts'
import { noCompaction } from './checkpoints/compaction-statistics.ts'
import { LoadFigures } from './load-figures.ts'
import type { MemoryStatus } from './memory-status.ts'
import { noStandby } from './restore/standby-statistics.ts'
import type { OpenedTasks } from './tasks/open-tasks.ts'

export type WorkerPhase = 'starting' | 'joining' | 'restoring' | 'running' | 'stopping' | 'stopped' | 'failed'

export interface CheckpointStatistics {
  completed: number
  aborted: number
  readonly abortedByReason: Map<AbortReason, number>
  lastCompleted: number
  lastDurationMs: number
  lastBytes: number
  /** Recent ones, ms; the newest last. */
  readonly pausesMs: number[]
  readonly durationsMs: number[]
}

export interface CompletedNews {
  readonly checkpoint: number
  readonly completedAtMs: number
  readonly durationMs: number
  readonly bytes: number
}

/** How many pauses and durations are kept for the histograms and the benchmark. */
const KEPT = 1000
/** The trend of storage is seen in so many. */
const STORED_KEPT = 60
/** The lag of all partitions is summed up no more often. */
const LAG_SEEN_EVERY_MS = 100

export class WorkerStatus {
  phase: WorkerPhase = 'starting'
  onChange: (phase: WorkerPhase) => void = () => {}
  onCompleted: (completed: CompletedNews) => void = () => {}
  /** Source → records processed by this process. */
  readonly records = new Map<string, number>()
  readonly checkpoints: CheckpointStatistics = {
    completed: 0,
    aborted: 0,
    abortedByReason: new Map(),
    lastCompleted: 0,
    lastDurationMs: 0,
    lastBytes: 0,
    pausesMs: [],
    durationsMs: [],
  }
  readonly compaction = noCompaction()
  readonly load = new LoadFigures()
  /** Of the checkpoints that this worker has completed as the leader, oldest first. */
  readonly stored: StoredState[] = []
  metadataBytes = 0
  /** Of the job, in the running epoch. */
  workers = 1
  /** How often checkpoints are due now. */
  intervalMs = 0
  readonly standby = noStandby()
  restoreDoneBytes = 0
  restoreTotalBytes = 0
  observed: { readonly state: WorkerState; readonly tasks: OpenedTasks; readonly backend: StateBackend } | undefined
  /** Where a memory-budget is set. */
  memory: MemoryStatus | undefined
  private hasLag = false
  private lagSeenAtMs = Number.NEGATIVE_INFINITY
  private triggeredAtMs = 0
  private bytesOfPending = 0

  enter(phase: WorkerPhase): void {
    this.phase = phase
    this.onChange(phase)
  }

  observe(parts: { readonly state: WorkerState; readonly tasks: OpenedTasks; readonly backend: StateBackend }): void {
    this.observed = parts
  }

  processed(source: string, count: number): void {
    this.records.set(source, (this.records.get(source) ?? 0) + count)
  }

  restoring(doneBytes: number, totalBytes: number): void {
    this.restoreDoneBytes = doneBytes
    this.restoreTotalBytes = totalBytes
  }

  paused(ms: number): void {
    keep(this.checkpoints.pausesMs, ms)
  }

  triggered(_checkpoint: number, nowMs: number): void {
    this.triggeredAtMs = nowMs
    this.bytesOfPending = 0
  }

  acked(manifest: WorkerManifest): void {
    for (const segment of manifest.segments) this.bytesOfPending += segment.bytes
  }

  /** @param wallMs the time as the wall shows it */
  completed(checkpoint: number, nowMs: number, wallMs: number): { durationMs: number; bytes: number } {
    const { checkpoints } = this
    checkpoints.completed++
    checkpoints.lastCompleted = checkpoint
    checkpoints.lastDurationMs = Math.round(nowMs - this.triggeredAtMs)
    checkpoints.lastBytes = this.bytesOfPending
    keep(checkpoints.durationsMs, checkpoints.lastDurationMs)
    this.load.completed(nowMs, this.recordsProcessed, this.lagRecords)
    const { lastDurationMs: durationMs, lastBytes: bytes } = checkpoints
    this.onCompleted({ checkpoint, completedAtMs: wallMs, durationMs, bytes })
    return { durationMs, bytes }
  }

  /** The loop had nothing to do for so long. */
  waitedForInput(ms: number, nowMs: number): void {
    const { load } = this
    load.idleMs += ms
    if (nowMs - this.lagSeenAtMs >= LAG_SEEN_EVERY_MS) {
      this.lagSeenAtMs = nowMs
      this.hasLag = this.lagRecords > 0
    }
    if (this.hasLag) load.starvedMs += ms
  }

  /** Processing begins. */
  beginEpoch(epoch: { readonly workers: number; readonly intervalMs: number }, nowMs: number): void {
    this.workers = epoch.workers
    this.intervalMs = epoch.intervalMs
    this.stored.length = 0
    this.load.begin(nowMs)
  }

  observeStored(metadata: CheckpointMetadata, metadataBytes: number): void {
    this.stored.push(storedState(metadata))
    if (this.stored.length > STORED_KEPT) this.stored.shift()
    this.metadataBytes = metadataBytes
  }

  /** Of sources, by this process. */
  get recordsProcessed(): number {
    let count = 0
    for (const [source, records] of this.records) if (this.observed?.tasks.sources.has(source) ?? true) count += records
    return count
  }

  /** Of sources, as of the last fetches. */
  get lagRecords(): number {
    let lag = 0
    for (const partitions of this.observed?.tasks.sources.lag().values() ?? [])
      for (const records of partitions.values()) lag += records
    return lag
  }

  aborted(reason: AbortReason): void {
    this.checkpoints.aborted++
    this.checkpoints.abortedByReason.set(reason, (this.checkpoints.abortedByReason.get(reason) ?? 0) + 1)
  }
}

function keep(list: number[], value: number): void {
  list.push(value)
  if (list.length > KEPT) list.shift()
}
