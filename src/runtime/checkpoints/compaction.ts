/**
 * Compaction of the chains of a worker's tasks (docs/design/0007-compaction.md): beside processing, within its share of
 * the time, one round after another.
 *
 *  1. A round takes the most urgent merges, reads their slices from the storage and merges them into encoded slices.
 *  2. A small result rides along: it goes into the segment of the next checkpoint. A large one is written as objects of
 *     its own, at most one per checkpoint.
 *  3. The next manifest tells which links are replaced. When a completed checkpoint holds it the round is over; while
 *     checkpoints are aborted it is told again. At the end of the epoch all of it is forgotten.
 *
 * Nothing that it reads can go away meanwhile: it is all of the last completed checkpoint, whose links of these tasks
 * only this worker replaces.
 */
import { CompactionChains } from '../../checkpoint/compaction-chains.ts'
import { type MergeChoice, sumBytes } from '../../checkpoint/compaction-policy.ts'
import type { MergedFile, MergedSlices, SegmentFile, SegmentSlice, SlicePlace } from '../../checkpoint/manifest.ts'
import { mergeRuns } from '../../checkpoint/merge-runs.ts'
import { type CheckpointMetadata, mergedPath } from '../../checkpoint/metadata.ts'
import { encodeSegment } from '../../checkpoint/segment/encode-segment.ts'
import { type EncodedSlice, encodeStream } from '../../checkpoint/segment/encode-slice.ts'
import { assert, defined } from '../../common/assert.ts'
import type { Clock } from '../../common/clock.ts'
import { isMillraceError, toError } from '../../common/errors.ts'
import type { Logger } from '../../common/logger.ts'
import type { CheckpointStorage } from '../../ports/checkpoint-storage.ts'
import type { TaskKey } from '../../records/task-id.ts'
import { WORKER_BOUNDS, type WorkerBounds } from '../worker-bounds.ts'
import type { CompactionStatistics } from './compaction-statistics.ts'
import { PacedClock } from './paced-clock.ts'

/** An object is closed behind the slice with which it is full, so that it is larger by the part of a slice at most. */
const SLICES_OF_OBJECT = 4
/** For what is read of the storage and not merged yet. */
const READ_BUDGET_BYTES = 16 * 1024 * 1024

export interface CompactionParts {
  readonly applicationId: string
  readonly epoch: number
  readonly workerIndex: number
  readonly tasks: readonly TaskKey[]
  /** The restore point's. */
  readonly metadata: CheckpointMetadata | null
  readonly clock: Clock
  readonly logger: Logger
  readonly storage: CheckpointStorage
  /** Above 0, up to 1: of the event loop's time. */
  readonly share: number
  readonly statistics: CompactionStatistics
  /** Default: WORKER_BOUNDS. */
  readonly sizes?: Pick<WorkerBounds, 'rideBytes' | 'objectBytes'>
}

/** Merged slices on their way into a file: where each has come to stand is told by `placed`. */
export interface Riders {
  readonly slices: readonly EncodedSlice[]
  readonly placed: (file: MergedFile, slices: readonly SegmentSlice[]) => void
}

interface OpenMerge {
  readonly task: TaskKey
  readonly choice: MergeChoice
  readonly slices: (SlicePlace & { readonly bytes: number; readonly entries: number })[]
}

type EncodedPart = { readonly merge: OpenMerge; readonly slice: EncodedSlice }

export class Compaction {
  private readonly parts: CompactionParts
  private readonly chains: CompactionChains
  private readonly stopping = new AbortController()
  private readonly paced: PacedClock
  /** Damaged slices stay damaged: their tasks are left alone for this epoch. */
  private readonly damaged = new Set<TaskKey>()
  private riders: Riders | undefined
  /** Done, and told by no completed checkpoint. */
  private ready: MergedSlices[] = []
  private files: MergedFile[] = []
  /** Objects that no manifest has told of, even if their upload was cut off. */
  private untold: string[] = []
  /** What the last manifest has told. */
  private told: { readonly checkpoint: number; readonly merges: readonly MergedSlices[] } | undefined
  private lastCompleted: number
  private countedBusyMs = 0
  private objects = 0
  private next = Promise.withResolvers<void>()
  private running: Promise<void> | undefined
  private readonly sizes: Pick<WorkerBounds, 'rideBytes' | 'objectBytes'>

  constructor(parts: CompactionParts) {
    this.parts = parts
    this.chains = new CompactionChains(parts.tasks, parts.metadata)
    this.sizes = parts.sizes ?? WORKER_BOUNDS
    this.paced = new PacedClock(parts.clock, parts.share, this.stopping.signal)
    this.lastCompleted = parts.metadata?.checkpoint ?? 0
    this.measure()
  }

  start(): void {
    this.running = this.run()
  }

  /** Resolves when nothing of it is under way any more, and what nobody knows of is deleted: a job that has ended sweeps no more. */
  async stop(): Promise<void> {
    this.stopping.abort(new CompactionStopped())
    this.next.resolve()
    await this.running
    const untold = this.untold
    this.untold = []
    if (untold.length === 0) return
    const { storage, logger } = this.parts
    await storage.delete(untold).catch((error) => logger.warn('orphans-not-deleted', { error: toError(error) }))
  }

  /** For the segment that is about to be encoded; each is handed out once, and must be placed. */
  takeRiders(): Riders | undefined {
    const { riders } = this
    this.riders = undefined
    return riders
  }

  /** For the manifest of this checkpoint. */
  tell(checkpoint: number): { readonly merges?: readonly MergedSlices[]; readonly mergedFiles?: readonly MergedFile[] } {
    this.told = { checkpoint, merges: this.ready }
    if (this.ready.length === 0) return {}
    this.untold = this.untold.filter((path) => !this.files.some((file) => file.path === path))
    return { merges: this.ready, mergedFiles: this.files }
  }

  /** @param segments what its manifest listed as changes of this worker */
  onCompleted(checkpoint: number, segments: readonly SegmentFile[]): void {
    const merges = this.told?.checkpoint === checkpoint ? this.told.merges : []
    this.chains.complete(merges, segments)
    if (merges.length > 0) {
      assert(merges === this.ready, 'nothing is merged between telling and completing')
      this.ready = []
      this.files = []
      this.parts.statistics.merges += merges.length
    }
    this.lastCompleted = checkpoint
    this.measure()
    this.next.resolve()
    this.next = Promise.withResolvers()
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping
    while (!signal.aborted) {
      const isOver = this.ready.length === 0 && this.riders === undefined
      const choice = isOver ? this.choices()[0] : undefined
      if (choice === undefined) {
        await this.next.promise
        continue
      }
      try {
        await this.round()
      } catch (error) {
        if (signal.aborted) return
        this.parts.statistics.failures++
        this.parts.logger.warn('compaction-failed', { error: toError(error) })
        // Storage that fails now may answer at the next checkpoint.
        await this.next.promise
      }
    }
  }

  private choices() {
    return this.chains.choices().filter(({ task }) => !this.damaged.has(task))
  }

  /** Merges until the result is worth an object, or nothing is due; resolves when all of it lies in the storage. */
  private async round(): Promise<void> {
    const { rideBytes, objectBytes } = this.sizes
    const merges: OpenMerge[] = []
    this.files = []
    let open: EncodedPart[] = []
    let isRiding = true
    for (const { task, choice } of this.choices()) {
      const merge = { task, choice, slices: [] }
      merges.push(merge)
      for await (const slice of this.merge(task, choice)) {
        open.push({ merge, slice })
        if (sumBytes(open.map((part) => part.slice)) < objectBytes) continue
        await this.putObject(open)
        open = []
        isRiding = false
      }
      if (!isRiding || sumBytes(open.map((part) => part.slice)) > rideBytes / 2) break
    }
    isRiding &&= sumBytes(open.map((part) => part.slice)) <= rideBytes
    if (isRiding && (await this.ride(open, merges))) return
    if (open.length > 0) await this.putObject(open)
    this.finish(merges)
  }

  /** At once, so that no manifest tells of a part of them. */
  private finish(merges: readonly OpenMerge[]): void {
    this.ready = merges.map(({ task, choice, slices }) => ({
      task,
      replaces: choice.runs.flatMap(({ links }) => links.map(({ path, offset }) => ({ path, offset }))),
      slices,
      isBottom: choice.isBottom,
    }))
  }

  private async *merge(task: TaskKey, { runs, isBottom }: MergeChoice): AsyncGenerator<EncodedSlice> {
    const { clock, storage, statistics } = this.parts
    const { signal } = this.stopping
    const merged = mergeRuns(
      { storage, task, runs, budgetBytes: READ_BUDGET_BYTES, signal },
      { dropDeletes: isBottom, expiredByMs: clock.nowMs(), clock: this.paced },
    )
    try {
      yield* encodeStream(task, merged, this.sizes.objectBytes / SLICES_OF_OBJECT, this.paced)
    } catch (error) {
      if (isMillraceError(error, 'MR_SEGMENT_CORRUPT') || isMillraceError(error, 'MR_STORAGE_NOT_FOUND')) this.damaged.add(task)
      throw error
    }
    statistics.readBytes += runs.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /** Waits for the next segment. False: there was none, since the worker's state doesn't change. */
  private async ride(parts: readonly EncodedPart[], merges: readonly OpenMerge[]): Promise<boolean> {
    const placed = Promise.withResolvers<void>()
    let isPlaced = false
    this.riders = {
      slices: parts.map(({ slice }) => slice),
      placed: (file, slices) => {
        this.place(parts, file, slices)
        // In the manifest of this very segment.
        this.finish(merges)
        isPlaced = true
        placed.resolve()
      },
    }
    // The checkpoint that completes first may have been cut before.
    for (let completed = 0; !isPlaced && (completed < 2 || this.riders === undefined); completed++) {
      await Promise.race([placed.promise, this.next.promise])
      this.stopping.signal.throwIfAborted()
    }
    this.riders = undefined
    return isPlaced
  }

  /** After the next completed checkpoint, so that a large merge is at most one object per checkpoint. */
  private async putObject(parts: readonly EncodedPart[]): Promise<void> {
    const { applicationId, epoch, workerIndex, storage } = this.parts
    const { signal } = this.stopping
    if (this.objects > 0) await this.next.promise
    signal.throwIfAborted()
    const path = mergedPath(applicationId, this.lastCompleted, epoch, workerIndex, this.objects++)
    const { chunks, bytes, sha256, merged } = await encodeSegment([], {
      clock: this.paced,
      signal,
      merged: parts.map(({ slice }) => slice),
    })
    this.untold.push(path)
    await storage.put(path, chunks, signal)
    this.place(parts, { path, bytes, sha256 }, merged)
  }

  private place(parts: readonly EncodedPart[], file: MergedFile, slices: readonly SegmentSlice[]): void {
    for (const [i, { merge }] of parts.entries()) {
      const { offset, bytes, entries } = defined(slices[i], 'place of a merged slice')
      merge.slices.push({ path: file.path, offset, bytes, entries })
    }
    this.files.push(file)
    this.parts.statistics.writtenBytes += sumBytes(slices)
  }

  private measure(): void {
    const { statistics } = this.parts
    statistics.chainBytes = this.chains.bytes
    statistics.liveBytes = this.chains.liveBytes
    statistics.links = this.chains.links
    // It outlives the epoch, as the status does.
    statistics.busyMs += this.paced.busyMs - this.countedBusyMs
    this.countedBusyMs = this.paced.busyMs
  }
}

class CompactionStopped extends Error {}
