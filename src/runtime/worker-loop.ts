/**
 * The loop of a worker: takes a small batch, processes it to its end, and looks between two batches for what else is to
 * do: a cut, waiting for the sinks, stopping. The only place where state and positions change.
 *
 * Between two batches nothing is half done: every record up to the positions is in the state and with the sinks.
 */

import type { CheckpointCompleted, CheckpointTriggered } from '../checkpoint/protocol/control-records.ts'
import { defined } from '../common/assert.ts'
import type { Clock } from '../common/clock.ts'
import type { OpenedSink, TransactionParticipant } from '../ports/transactional-sink.ts'
import type { WorkerState } from '../state/worker-state.ts'
import type { SourceTasks } from './source-tasks.ts'
import type { WorkerCheckpoints } from './worker-checkpoints.ts'
import type { WorkerStatus } from './worker-status.ts'

export interface WorkerLoopParts {
  readonly clock: Clock
  readonly state: WorkerState
  readonly tasks: SourceTasks
  readonly checkpoints: WorkerCheckpoints
  readonly sinks: readonly OpenedSink<unknown>[]
  readonly participants: readonly TransactionParticipant[]
  readonly status: WorkerStatus
  /** Bound of the state changes that no completed checkpoint holds. */
  readonly overlayBytes: number
  /** Asks for a checkpoint before its time: the overlay is filling up. */
  readonly wantCheckpoint: () => void
}

/** An early checkpoint is asked for when the overlay has this share of its bound: the rest is for the time it takes. */
const EARLY_CHECKPOINT_AT = 0.5

export class WorkerLoop {
  private readonly parts: WorkerLoopParts
  private pendingCut: CheckpointTriggered | undefined
  /** The final checkpoint that was cut: nothing is processed behind it (R15). */
  private finalCut: number | undefined
  private isFinished = false
  private hasAskedEarly = false
  private wake: () => void = () => {}
  private readonly stopping = Promise.withResolvers<void>()
  private running: Promise<void> | undefined

  constructor(parts: WorkerLoopParts) {
    this.parts = parts
  }

  /** The log has triggered a checkpoint: cut at the next batch boundary. */
  cutAt(triggered: CheckpointTriggered): void {
    this.pendingCut = triggered
    this.wake()
  }

  completed(record: CheckpointCompleted): void {
    void this.parts.checkpoints.onCompleted(record).then(() => {
      if (record.checkpoint === this.finalCut) this.isFinished = true
      this.hasAskedEarly = false
      this.wake()
    })
  }

  /** A final checkpoint that came to nothing: go on processing until the next one. */
  aborted(checkpoint: number): void {
    if (this.pendingCut?.checkpoint === checkpoint) this.pendingCut = undefined
    if (this.finalCut === checkpoint) this.finalCut = undefined
    this.hasAskedEarly = false
    this.wake()
  }

  /** Resolves once a final checkpoint is complete and committed. Rejects on bad input or failing user code. */
  run(): Promise<void> {
    this.running = this.loop()
    return this.running
  }

  /** Stops behind the batch under way, whatever is left; resolves when nothing is touched any more. */
  async stop(): Promise<void> {
    this.isFinished = true
    this.stopping.resolve()
    this.wake()
    await this.running?.catch(() => {})
  }

  private async loop(): Promise<void> {
    const { clock, tasks, state, status } = this.parts
    for (;;) {
      if (this.isFinished) return
      const exhausted = this.parts.participants.find((participant) => participant.isExhausted)
      if (exhausted !== undefined) {
        // No transaction is free for the next interval: neither a cut nor output is possible.
        await Promise.race([exhausted.whenAvailable(), this.stopping.promise])
        continue
      }
      if (this.pendingCut !== undefined) this.cut(this.pendingCut)
      if (this.finalCut !== undefined || this.isOverlayFull()) {
        await this.woken()
        continue
      }
      const polled = tasks.poll()
      if (polled === undefined) {
        await Promise.race([tasks.whenAvailable(), this.woken()])
        continue
      }
      const { source, batch } = polled
      if (batch.count > 0) {
        const loading = defined(source.chains.get(batch.partition), 'task').process(batch, clock.nowMs())
        if (loading !== null) await loading
      }
      source.positions.set(batch.partition, batch.nextPosition)
      status.processed(source.name, batch.count)
      state.trim()
      await this.backPressure()
      // Lets sockets, timers and background work have their turn.
      await clock.turn()
    }
  }

  private cut(triggered: CheckpointTriggered): void {
    this.pendingCut = undefined
    this.parts.checkpoints.cut(triggered)
    if (triggered.kind === 'final') this.finalCut = triggered.checkpoint
  }

  /** Near its bound an early checkpoint is asked for; at it processing waits until one is complete. Never out of memory. */
  private isOverlayFull(): boolean {
    const { state, overlayBytes, wantCheckpoint } = this.parts
    if (state.overlayBytes > overlayBytes * EARLY_CHECKPOINT_AT && !this.hasAskedEarly) {
      this.hasAskedEarly = true
      wantCheckpoint()
    }
    return state.overlayBytes > overlayBytes
  }

  private async backPressure(): Promise<void> {
    for (const { writer } of this.parts.sinks) {
      const waiting = writer.backPressure()
      if (waiting !== null) await Promise.race([waiting, this.stopping.promise])
    }
  }

  private woken(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve
    })
  }
}
