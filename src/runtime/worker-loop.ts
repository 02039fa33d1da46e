/**
 * The loop of a worker: takes a small batch, processes it to its end, and looks between two batches for what else is to
 * do: a cut, waiting for the sinks, stopping. The only place where state and positions change.
 *
 * Between two batches nothing is half done: every record up to the positions is in the state and with the sinks.
 */

import type { CheckpointCompleted, CheckpointKind } from '../checkpoint/protocol/control-records.ts'
import { defined } from '../common/assert.ts'
import type { Clock } from '../common/clock.ts'
import type { SourceBatch } from '../ports/source.ts'
import type { TransactionParticipant } from '../ports/transactional-sink.ts'
import type { BarrierFrame } from '../records/exchange-frame.ts'
import type { WorkerState } from '../state/worker-state.ts'
import type { WorkerCheckpoints } from './checkpoints/worker-checkpoints.ts'
import type { OpenedTasks } from './tasks/open-tasks.ts'
import type { TaskChain } from './tasks/task-chain.ts'
import type { WorkerStatus } from './worker-status.ts'

export interface WorkerLoopParts {
  readonly clock: Clock
  readonly state: WorkerState
  readonly tasks: OpenedTasks
  readonly checkpoints: WorkerCheckpoints
  /** Of sinks and exchanges: null when more may be written, else resolves when it may again. */
  readonly writers: readonly { backPressure(): Promise<void> | null }[]
  readonly participants: readonly TransactionParticipant[]
  readonly status: WorkerStatus
  /** Bound of the state changes that no completed checkpoint holds. */
  readonly overlayBytes: number
  /** Asks for a checkpoint before its time: the overlay is filling up. */
  readonly wantCheckpoint: () => void
  /** Whether a barrier's checkpoint is still to be decided, as far as the log is read: of a decided one it means nothing (R10). */
  readonly isUndecided: (checkpoint: number) => boolean
  /** Whether sources wait for exchanges that lag (R19). */
  readonly isHeldBack: () => boolean
  /** Told now and then how far the exchange input of this worker lags, in frames. */
  readonly observeLag: (frames: number) => void
}

interface PendingCut {
  readonly checkpoint: number
  readonly kind: CheckpointKind
}

/** Records between two turns of the event loop: a few milliseconds, the longest that sockets and timers wait. */
const RECORDS_A_TURN = 1024
const LAG_EVERY_MS = 200

/** An early checkpoint is asked for when the overlay has this share of its bound: the rest is for the time it takes. */
const EARLY_CHECKPOINT_AT = 0.5

export class WorkerLoop {
  private readonly parts: WorkerLoopParts
  private pendingCut: PendingCut | undefined
  /** The final checkpoint that was cut: nothing is processed behind it (R15). */
  private finalCut: number | undefined
  private isFinished = false
  private recordsThisTurn = 0
  private lagObservedAtMs = 0
  private hasAskedEarly = false
  /** Set by whatever the loop must look at before it waits. */
  private hasNews = false
  private resolveWoken: () => void = () => {}
  private readonly stopping = Promise.withResolvers<void>()
  private running: Promise<void> | undefined

  constructor(parts: WorkerLoopParts) {
    this.parts = parts
  }

  /** The log has triggered a checkpoint: cut at the next batch boundary. */
  cutAt({ checkpoint, kind }: PendingCut): void {
    this.pendingCut = { checkpoint, kind }
    this.wake()
  }

  /** Something that the loop looks at between two batches has changed. */
  look(): void {
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
    for (;;) {
      this.hasNews = false
      if (this.isFinished) return
      const exhausted = this.parts.participants.find((participant) => participant.isExhausted)
      if (exhausted !== undefined) {
        // No transaction is free for the next interval: neither a cut nor output is possible.
        await this.backPressured(Promise.race([exhausted.whenAvailable(), this.stopping.promise]))
        continue
      }
      if (this.pendingCut !== undefined) this.cut(this.pendingCut)
      if (this.finalCut !== undefined || this.isOverlayFull()) {
        await this.backPressured(this.woken())
        continue
      }
      // What the workers before have done first: it drains the exchanges (R19).
      if (await this.processExchange()) continue
      if (!this.parts.isHeldBack() && (await this.processSource())) continue
      await this.waitForInput()
    }
  }

  /** False: there was nothing. */
  private async processExchange(): Promise<boolean> {
    const { tasks, status } = this.parts
    const polled = tasks.exchanges?.poll()
    if (polled === undefined) return false
    this.observeLag()
    if (polled.kind === 'barrier') this.meet(polled.barrier)
    if (polled.kind === 'records') {
      await this.process(polled.task.chain, polled.batch)
      status.processed(polled.task.exchange, polled.batch.count)
      await this.endBatch(polled.batch.count)
    }
    return true
  }

  private async processSource(): Promise<boolean> {
    const { tasks, status, clock } = this.parts
    const polled = tasks.sources.poll()
    if (polled === undefined) return false
    const { source, batch } = polled
    if (batch.count > 0) await this.process(defined(source.chains.get(batch.partition), 'task'), batch)
    source.positions.set(batch.partition, batch.nextPosition)
    tasks.sources.observe(source, batch, clock.monotonicMs())
    status.processed(source.name, batch.count)
    await this.endBatch(batch.count)
    return true
  }

  private async process(chain: TaskChain, batch: SourceBatch<unknown>): Promise<void> {
    const loading = chain.process(batch, this.parts.clock.nowMs())
    if (loading !== null) await loading
    for (const output of this.parts.tasks.outputs) output.flush()
  }

  private async endBatch(records: number): Promise<void> {
    this.parts.state.trim()
    await this.backPressure()
    this.recordsThisTurn += records
    if (this.recordsThisTurn < RECORDS_A_TURN) return
    this.recordsThisTurn = 0
    // Lets sockets, timers and background work have their turn.
    await this.parts.clock.turn()
  }

  private async waitForInput(): Promise<void> {
    const { sources, exchanges } = this.parts.tasks
    this.recordsThisTurn = 0
    const waiting = [this.woken()]
    if (!this.parts.isHeldBack()) waiting.push(sources.whenAvailable())
    if (exchanges !== null) waiting.push(exchanges.whenAvailable())
    this.observeLag()
    const startMs = this.parts.clock.monotonicMs()
    await Promise.race(waiting)
    const { status, clock, isHeldBack } = this.parts
    const waitedMs = clock.monotonicMs() - startMs
    if (isHeldBack()) status.load.backPressuredMs += waitedMs
    else status.waitedForInput(waitedMs, clock.monotonicMs())
  }

  /** The cut comes before the first record behind the barrier, also if the log's trigger has not arrived yet (R10). */
  private meet({ checkpoint, kind }: BarrierFrame): void {
    if (this.parts.isUndecided(checkpoint)) this.pendingCut = { checkpoint, kind }
  }

  private observeLag(): void {
    const { tasks, clock, observeLag } = this.parts
    if (tasks.exchanges === null) return
    const nowMs = clock.monotonicMs()
    if (nowMs - this.lagObservedAtMs < LAG_EVERY_MS) return
    this.lagObservedAtMs = nowMs
    observeLag(tasks.exchanges.totalLag())
  }

  private cut({ checkpoint, kind }: PendingCut): void {
    this.pendingCut = undefined
    // Met by its barrier before, or by its trigger.
    if (!this.parts.checkpoints.cut(checkpoint, kind)) return
    if (kind === 'final') this.finalCut = checkpoint
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
    for (const writer of this.parts.writers) {
      const waiting = writer.backPressure()
      if (waiting !== null) await this.backPressured(Promise.race([waiting, this.stopping.promise]))
    }
  }

  /** Waits, and counts the time. */
  private async backPressured(waiting: Promise<void>): Promise<void> {
    const startMs = this.parts.clock.monotonicMs()
    await waiting
    this.parts.status.load.backPressuredMs += this.parts.clock.monotonicMs() - startMs
  }

  private wake(): void {
    this.hasNews = true
    this.resolveWoken()
  }

  private woken(): Promise<void> {
    if (this.hasNews) return Promise.resolve()
    return new Promise((resolve) => {
      this.resolveWoken = resolve
    })
  }
}
