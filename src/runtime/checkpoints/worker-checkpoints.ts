/**
 * A worker's part in checkpoints (docs/protocol.md):
 *
 *  1. `cut`: between two batches, synchronous: positions noted, overlay sealed, a barrier behind everything that was
 *     written to exchanges, sinks turned to their next transaction.
 *  2. In the background: the overlay becomes a segment in the storage, the sinks' output and the barriers are
 *     acknowledged, the ack goes to the log.
 *  3. `onCompleted`: transactions are committed, oldest first; the overlays go into the backend; positions are published.
 *     `onAborted`: nothing is undone: segments and prepared transactions are carried into the next manifest (R11, R12).
 *
 * Invariants:
 * - `transactions` holds every transaction of this worker that is cut and not seen committed, oldest first;
 * - `overlays` holds every generation that no completed checkpoint has, oldest first;
 * - commits run one at a time (R24), and so do writes to the backend, each in the order of checkpoints.
 */

import type { ByPartition, ExchangePosition, SegmentFile, WorkerManifest } from '../../checkpoint/manifest.ts'
import { segmentPath } from '../../checkpoint/metadata.ts'
import type { CheckpointCompleted, CheckpointKind } from '../../checkpoint/protocol/control-records.ts'
import { encodeSegment } from '../../checkpoint/segment/encode-segment.ts'
import type { Clock } from '../../common/clock.ts'
import { MillraceError, toError } from '../../common/errors.ts'
import type { Logger } from '../../common/logger.ts'
import type { CheckpointStorage } from '../../ports/checkpoint-storage.ts'
import type { ExchangeWriter } from '../../ports/exchange.ts'
import type { Committable, TransactionParticipant } from '../../ports/transactional-sink.ts'
import { encodeBarrier } from '../../records/exchange-frame.ts'
import type { TaskKey } from '../../records/task-id.ts'
import type { SealedOverlay } from '../../state/sealed-overlay.ts'
import type { WorkerState } from '../../state/worker-state.ts'
import type { UploadedSegment } from '../load-figures.ts'
import type { Standby } from '../restore/standby.ts'
import type { Compaction, Riders } from './compaction.ts'

export interface WorkerCheckpointParts {
  readonly applicationId: string
  readonly epoch: number
  readonly worker: string
  readonly workerIndex: number
  readonly clock: Clock
  readonly logger: Logger
  readonly state: WorkerState
  readonly storage: CheckpointStorage
  readonly participants: readonly TransactionParticipant[]
  /** Null: it is off. */
  readonly compaction: Compaction | null
  /** Null: this worker keeps no copies. */
  readonly standby: Pick<Standby, 'checkpoint'> | null
  /** Null: this worker writes to no exchange. */
  readonly writer: ExchangeWriter | null
  /** What barriers tell: the worker's watermark. */
  readonly watermark: () => number
  /** Resolves when all that at-least-once sinks were given is acknowledged. */
  readonly flushSinks: () => Promise<void>
  readonly positions: () => Positions
  /**
   * Resolves when the log's record of this trigger was read: a barrier may come before it, and only the log tells what
   * became of the checkpoint before (R11).
   */
  readonly whenTriggered: (checkpoint: number) => Promise<void>
  /** Tells the outside where the job stands; failures are logged only. */
  readonly publishPositions: (positions: ByPartition<number>) => Promise<void>
  /** Hands the manifest in: appends the ack. False: it was void. */
  readonly acknowledge: (checkpoint: number, manifest: WorkerManifest) => Promise<boolean>
  readonly decline: (checkpoint: number, cause: MillraceError) => Promise<void>
  /** All its transactions up to this checkpoint are committed; with those of them that no ack has told. */
  readonly onCommitted: (checkpoint: number, committed: readonly string[]) => Promise<void>
  /** Ends the epoch. */
  readonly fail: (error: Error) => void
  /** What each upload of changes took. */
  readonly observeUpload: (upload: UploadedSegment) => void
  /** How long each cut held up processing, ms. */
  readonly observePause: (pauseMs: number) => void
}

export interface Positions {
  readonly sources: ByPartition<number>
  readonly exchanges: ByPartition<ExchangePosition>
  readonly watermarks: Readonly<Record<TaskKey, number>>
}

/** What a cut has begun, and what must be acknowledged before the worker acknowledges the checkpoint. */
interface CutWork {
  readonly checkpoint: number
  readonly cuts: readonly { readonly participant: TransactionParticipant; readonly prepared: Promise<Committable | null> }[]
  readonly flushed: Promise<void>
  readonly barriers: Promise<ByPartition<number>> | null
  readonly pauseMs: number
}

interface PendingOverlay {
  readonly checkpoint: number
  readonly overlay: SealedOverlay
  /** Merged slices in its segment, or none: settled by the first try, since a second one must write the same bytes. */
  riders: Riders | null | undefined
  segment: SegmentFile | undefined
}

interface PreparedTransaction {
  readonly checkpoint: number
  readonly participant: TransactionParticipant
  readonly committable: Committable
}

export class WorkerCheckpoints {
  private readonly parts: WorkerCheckpointParts
  private overlays: PendingOverlay[] = []
  private transactions: PreparedTransaction[] = []
  private committed: string[] = []
  private positionsAt = new Map<number, Positions>()
  private lastCut = 0
  private isAbandoned = false
  private flushing: Promise<void> = Promise.resolve()
  /** Decided checkpoints are finished one after another. */
  private finishing: Promise<void> = Promise.resolve()
  private preparing: Promise<void> = Promise.resolve()
  /** Aborted with the checkpoint: an upload that is late must not hold up the next one. */
  private uploading = new AbortController()

  constructor(parts: WorkerCheckpointParts) {
    this.parts = parts
  }

  /** Step 1. Between two batches; false for a checkpoint that was cut already. */
  cut(checkpoint: number, kind: CheckpointKind): boolean {
    const { clock, state, participants, writer, flushSinks, positions, observePause } = this.parts
    if (checkpoint <= this.lastCut) return false
    const startMs = clock.monotonicMs()
    this.lastCut = checkpoint
    this.positionsAt.set(checkpoint, positions())
    this.uploading = new AbortController()
    const overlay = state.seal()
    if (overlay.entryCount > 0) this.overlays.push({ checkpoint, overlay, riders: undefined, segment: undefined })
    const barriers = writer?.appendToAll(encodeBarrier({ checkpoint, kind, watermark: this.parts.watermark() })) ?? null
    const cuts = participants.map((participant) => ({ participant, prepared: participant.cut() }))
    const flushed = flushSinks()
    const pauseMs = clock.monotonicMs() - startMs
    observePause(pauseMs)
    // All of these are awaited by `prepare`; until then a rejection must not count as unhandled.
    for (const { prepared } of cuts) prepared.catch(() => {})
    barriers?.catch(() => {})
    flushed.catch(() => {})
    const before = this.preparing
    const work = { checkpoint, cuts, flushed, barriers, pauseMs }
    this.preparing = before.then(() => this.prepare(work)).catch((error) => this.parts.fail(toError(error)))
    return true
  }

  /** Step 3, once the completion was read back. Resolves when the checkpoint is finished here. */
  onCompleted(completed: CheckpointCompleted): Promise<void> {
    // At once: the next manifest must not list again what this checkpoint holds.
    const done = this.overlays.filter((pending) => pending.checkpoint <= completed.checkpoint)
    this.overlays = this.overlays.filter((pending) => pending.checkpoint > completed.checkpoint)
    this.parts.compaction?.onCompleted(
      completed.checkpoint,
      done.flatMap((pending) => pending.segment ?? []),
    )
    this.finishing = this.finishing.then(() => this.finish(completed, done)).catch((error) => this.parts.fail(toError(error)))
    return this.finishing
  }

  onAborted(checkpoint: number): void {
    this.positionsAt.delete(checkpoint)
    this.uploading.abort(new UploadAborted())
  }

  /**
   * The epoch has ended: resolves when nothing of it touches the backend any more. Commits that are under way go on: what
   * they commit is complete, and whoever comes next asks for the same.
   */
  async abandon(): Promise<void> {
    this.isAbandoned = true
    this.uploading.abort(new UploadAborted())
    await this.flushing.catch(() => {})
  }

  /** Waits for what is under way, whatever becomes of it. */
  async settle(): Promise<void> {
    await this.preparing
    await this.finishing
  }

  private async prepare({ checkpoint, cuts, flushed, barriers, pauseMs }: CutWork): Promise<void> {
    const { worker, state, writer, standby } = this.parts
    let refused: Error | undefined
    try {
      await this.uploadSegments(this.uploading.signal)
    } catch (error) {
      refused = toError(error)
    }
    for (const { participant, prepared } of cuts) {
      const committable = await prepared
      if (committable !== null) this.transactions.push({ checkpoint, participant, committable })
    }
    await flushed
    const ends = await barriers
    await this.parts.whenTriggered(checkpoint)
    // Its segments and transactions go into the next manifest.
    if (refused instanceof UploadAborted || this.isAbandoned) return
    if (refused !== undefined) {
      if (!(refused instanceof MillraceError)) throw refused
      await this.parts.decline(checkpoint, refused)
      return
    }
    const positions = this.positionsAt.get(checkpoint)
    const manifest: WorkerManifest = {
      worker,
      positions: positions?.sources ?? {},
      inputs: positions?.exchanges ?? {},
      watermarks: positions?.watermarks ?? {},
      output: writer === null || ends === null ? null : { producerId: writer.producerId, ends },
      segments: this.overlays.flatMap((pending) => pending.segment ?? []),
      ...this.parts.compaction?.tell(checkpoint),
      ...(standby === null ? {} : { standbyCheckpoint: standby.checkpoint }),
      committables: this.transactions.map(({ participant, committable }) => ({ participant: participant.name, committable })),
      committed: [...this.committed],
      pauseMs: Math.round(pauseMs * 1000) / 1000,
      stateEntries: state.entryCount,
    }
    // A void ack has told nobody: its news goes into the next one.
    if (!(await this.parts.acknowledge(checkpoint, manifest))) return
    this.committed = this.committed.slice(manifest.committed.length)
  }

  /** One segment per sealed overlay, also of those that earlier checkpoints failed to write (R11). */
  private async uploadSegments(signal: AbortSignal): Promise<void> {
    const { applicationId, epoch, workerIndex, storage, clock, compaction } = this.parts
    for (const pending of [...this.overlays]) {
      if (pending.segment !== undefined) continue
      if (pending.riders === undefined) pending.riders = compaction?.takeRiders() ?? null
      const { chunks, bytes, sha256, slices, merged } = await encodeSegment(await pending.overlay.encode(clock), {
        clock,
        merged: pending.riders?.slices ?? [],
      })
      const path = segmentPath(applicationId, pending.checkpoint, epoch, workerIndex)
      const startMs = clock.monotonicMs()
      await storage.put(path, chunks, signal)
      this.parts.observeUpload({ entries: pending.overlay.entryCount, bytes, ms: clock.monotonicMs() - startMs })
      pending.segment = { path, bytes, sha256, slices }
      pending.riders?.placed(pending.segment, merged)
    }
  }

  private async finish({ checkpoint, sha256, epoch }: CheckpointCompleted, done: readonly PendingOverlay[]): Promise<void> {
    await this.commitUpTo(checkpoint)
    if (this.isAbandoned) return
    await this.parts.onCommitted(checkpoint, [...this.committed])
    this.flushing = this.parts.state.flush(
      done.map((pending) => pending.overlay),
      { checkpoint, epoch, metadataDigest: sha256 },
    )
    await this.flushing
    const positions = this.positionsAt.get(checkpoint)
    for (const older of [...this.positionsAt.keys()]) if (older <= checkpoint) this.positionsAt.delete(older)
    if (positions === undefined) return
    await this.parts.publishPositions(positions.sources).catch((error) => {
      this.parts.logger.warn('positions-not-published', { error: toError(error).message })
    })
  }

  private async commitUpTo(checkpoint: number): Promise<void> {
    for (const transaction of this.transactions.filter((one) => one.checkpoint <= checkpoint)) {
      const { participant, committable } = transaction
      const outcome = await participant.commit(committable)
      if (outcome.kind === 'lost') {
        throw new MillraceError(
          // Only the leader salvages, in recovery (R26).
          'MR_TRANSACTION_ABORTED',
          `transaction ${committable.id} of checkpoint ${transaction.checkpoint} was aborted: ${outcome.reason}`,
        )
      }
      this.transactions = this.transactions.filter((one) => one !== transaction)
      this.committed.push(committable.id)
    }
  }
}

class UploadAborted extends Error {}
