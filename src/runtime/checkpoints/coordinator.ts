/**
 * Carries out the coordinator's decisions (checkpoint/protocol/coordination.ts) on the worker that leads: triggers
 * checkpoints, writes the metadata of complete ones, aborts late ones, drops old ones. It acts only on what was read
 * back from the log, so a second coordinator that has not yet noticed its end does no harm: its records are void.
 */

import { composeMetadata } from '../../checkpoint/compose.ts'
import type { ByPartition, WorkerManifest } from '../../checkpoint/manifest.ts'
import {
  type CheckpointMetadata,
  checkpointPath,
  encodeMetadata,
  type SourcePositions,
  type StateDescription,
} from '../../checkpoint/metadata.ts'
import type { AbortReason } from '../../checkpoint/protocol/abort-reason.ts'
import { type AdaptiveInterval, adaptInterval, startInterval } from '../../checkpoint/protocol/adaptive-interval.ts'
import {
  type CheckpointAcked,
  type CheckpointCompleted,
  type CheckpointKind,
  type ControlRecord,
  isOfEpoch,
} from '../../checkpoint/protocol/control-records.ts'
import { type CheckpointSettings, decide, workersOf } from '../../checkpoint/protocol/coordination.ts'
import { dropCheckpoint } from '../../checkpoint/retention.ts'
import { defined } from '../../common/assert.ts'
import type { Clock } from '../../common/clock.ts'
import { isMillraceError, toError } from '../../common/errors.ts'
import type { Logger } from '../../common/logger.ts'
import type { CheckpointStorage } from '../../ports/checkpoint-storage.ts'
import type { ExchangeTopic } from '../../ports/exchange.ts'
import { appendOne, type LogFollower } from '../log-follower.ts'
import { checkpointsFailing } from './checkpoints-failing.ts'

/** The first checkpoint of an epoch comes soon: after a crash, readers have waited long enough for new output. */
const FIRST_CHECKPOINT_MS = 250

export interface CompletedCheckpoint {
  readonly metadata: CheckpointMetadata
  readonly sha256: string
}

export interface CoordinatorParts {
  readonly applicationId: string
  readonly epoch: number
  readonly graphDigest: string
  readonly settings: CheckpointSettings
  readonly clock: Clock
  readonly logger: Logger
  readonly follower: LogFollower
  readonly storage: CheckpointStorage
  readonly states: readonly StateDescription[]
  /** Identity and start of every source. */
  readonly sources: Readonly<Record<string, SourcePositions>>
  readonly exchanges: readonly ExchangeTopic[]
  /** The checkpoint that this epoch was restored from. */
  readonly restored: CompletedCheckpoint | null
  /** Deletes what no retained checkpoint needs of the exchanges: exchange → partition → below this offset. */
  readonly trimExchanges: (before: ByPartition<number>) => Promise<void>
  /** Told of each checkpoint that this coordinator has completed. */
  readonly observeMetadata: (metadata: CheckpointMetadata, metadataBytes: number) => void
  /** Share of the time since it was last asked that processing waited for others. */
  readonly backPressure: () => number
  readonly observeInterval: (intervalMs: number) => void
  readonly fail: (error: Error) => void
}

export class Coordinator {
  private readonly parts: CoordinatorParts
  private readonly stopping = new AbortController()
  private wanted: 'none' | 'soon' | 'final' = 'none'
  private lastTriggeredAtMs: number
  private lastTriggeredWallMs = 0
  private lastDecidedAtMs: number
  private failuresInRow = 0
  /** Of what the last checkpoint failed for, where that is known. */
  private remedy: string | undefined
  /** Not tried again: what the first try did is not known, and metadata with another time would be another file. */
  private unwritten: { readonly checkpoint: number; readonly error: Error } | undefined
  private summaryTriedAt = Number.NEGATIVE_INFINITY
  /** Of the checkpoint triggered last. */
  private pendingKind: CheckpointKind = 'periodic'
  /** Likewise; undefined: nobody has asked for it. */
  private pendingRequest: string | undefined
  private previous: CompletedCheckpoint | null
  private metadataBytes = 0
  private interval: AdaptiveInterval
  /** Metadata written, by checkpoint: what is complete when its completion is read back. */
  private readonly written = new Map<number, CompletedCheckpoint>()
  /** Interrupts the wait of the loop. */
  private wake: () => void = () => {}
  private running: Promise<void> | undefined
  private stopListening: () => void = () => {}

  constructor(parts: CoordinatorParts) {
    this.parts = parts
    const { adaptive } = parts.settings
    const fixed = { minMs: parts.settings.intervalMs, maxMs: parts.settings.intervalMs }
    this.interval = startInterval(parts.settings.intervalMs, adaptive ?? fixed)
    const { intervalMs } = this.interval
    parts.observeInterval(intervalMs)
    this.lastTriggeredAtMs = parts.clock.monotonicMs() - intervalMs + Math.min(intervalMs, FIRST_CHECKPOINT_MS)
    this.lastDecidedAtMs = Number.NEGATIVE_INFINITY
    this.previous = parts.restored
  }

  start(): void {
    this.stopListening = this.parts.follower.listen((record, _offset, isValid) => {
      if (isValid && isOfEpoch(record, this.parts.epoch)) this.observe(record)
    })
    this.running = this.run().catch((error) => this.parts.fail(toError(error)))
  }

  /** Asks for a checkpoint before its time. */
  want(kind: 'soon' | 'final'): void {
    if (this.wanted !== 'final') this.wanted = kind
    this.wake()
  }

  /** Resolves when what is under way is done. */
  async stop(): Promise<void> {
    this.abandon()
    await this.running
  }

  /** Without waiting: brokers or storage may be the very thing that does not answer. What is under way decides nothing. */
  abandon(): void {
    this.stopping.abort()
    this.stopListening()
    this.wake()
  }

  /**
   * Appends a worker's ack; false if it was void. When it is the last one missing, the completion goes into the same
   * atomic batch: one round trip less between the cut and the commit. Neither is acted on before it is read back.
   */
  async acknowledge(checkpoint: number, worker: string, manifest: WorkerManifest): Promise<boolean> {
    const { follower, epoch } = this.parts
    const ack: CheckpointAcked = { type: 'checkpoint-acked', epoch, checkpoint, worker, manifest }
    const { view } = follower
    const pending = view.pending
    if (pending?.triggered.checkpoint === checkpoint && view.epoch === epoch) {
      const acks = new Map(pending.acks).set(worker, ack)
      if (workersOf(view).every((worker) => acks.has(worker))) {
        const completion = await this.writeMetadata(checkpoint, pending.triggered.kind, [...acks.values()])
        if ('sha256' in completion) {
          const [isValid] = await follower.append([ack, completion])
          return defined(isValid, 'validity of the ack')
        }
      }
    }
    return appendOne(follower, ack)
  }

  private observe(record: ControlRecord): void {
    const nowMs = this.parts.clock.monotonicMs()
    switch (record.type) {
      case 'checkpoint-triggered':
        this.lastTriggeredAtMs = nowMs
        this.pendingKind = record.kind
        this.pendingRequest = record.request
        break
      case 'checkpoint-completed':
        this.adapt(nowMs, false)
        this.lastDecidedAtMs = nowMs
        this.failuresInRow = 0
        this.previous = defined(this.written.get(record.checkpoint), 'metadata of the completed checkpoint')
        this.parts.observeMetadata(this.previous.metadata, this.metadataBytes)
        this.written.clear()
        // The workers have stopped at its cut: what follows is another epoch's.
        if (this.pendingKind === 'final') this.abandon()
        break
      case 'checkpoint-aborted':
        this.adapt(nowMs, true)
        this.lastDecidedAtMs = nowMs
        // Who has asked for one by hand is told, and it does no harm to the job.
        if (this.pendingRequest !== undefined) break
        this.failuresInRow++
        // Whoever wanted it still does.
        if (this.pendingKind === 'final') this.wanted = 'final'
        break
      case 'final-requested':
        this.wanted = 'final'
        break
      case 'early-requested':
        if (this.wanted === 'none') this.wanted = 'soon'
        break
      default:
    }
    this.wake()
  }

  /** The last checkpoint tells how long the next interval is to be. */
  private adapt(nowMs: number, isAborted: boolean): void {
    const { settings, backPressure, observeInterval, logger } = this.parts
    if (settings.adaptive === undefined || settings.adaptive === null || this.pendingKind === 'final') return
    const durationMs = nowMs - this.lastTriggeredAtMs
    const seen = { durationMs, backPressure: backPressure(), isAborted }
    const { state, change } = adaptInterval(this.interval, seen, settings.adaptive)
    this.interval = state
    if (change === null) return
    observeInterval(state.intervalMs)
    logger.info('checkpoint-interval-changed', { intervalMs: state.intervalMs, reason: change, ...seen })
  }

  private async run(): Promise<void> {
    const { follower, settings, clock } = this.parts
    // A newer claim ends this epoch: the worker notices too, and stops.
    while (!this.stopping.signal.aborted && follower.view.epoch === this.parts.epoch) {
      const nowMs = clock.monotonicMs()
      const decision = decide(
        follower.view,
        { ...settings, intervalMs: this.interval.intervalMs },
        {
          nowMs,
          lastTriggeredAtMs: this.lastTriggeredAtMs,
          lastDecidedAtMs: this.lastDecidedAtMs,
          wanted: this.wanted,
          failuresInRow: this.failuresInRow,
          summaryTriedAt: this.summaryTriedAt,
        },
      )
      switch (decision.kind) {
        case 'wait':
          await this.waitUntil(decision.untilMs)
          break
        case 'trigger':
          await this.trigger(decision.checkpoint, decision.checkpointKind, decision.request)
          break
        case 'complete':
          await this.complete(decision.checkpoint)
          break
        case 'abort':
          await this.abort(decision.checkpoint, decision.reason)
          break
        case 'drop':
          await this.drop(decision.checkpoint)
          break
        case 'summarise':
          await this.summarise()
          break
        case 'give-up':
          throw checkpointsFailing(this.failuresInRow, settings.tolerableFailures, follower.view.history.at(-1), this.remedy)
      }
    }
  }

  private async trigger(checkpoint: number, kind: CheckpointKind, request: string | undefined): Promise<void> {
    // The interval is counted from the decision, not from its reading back: otherwise every round trip adds to it.
    const decidedAtMs = this.parts.clock.monotonicMs()
    this.lastTriggeredWallMs = this.parts.clock.nowMs()
    const { follower, epoch } = this.parts
    const served = request === undefined ? {} : { request }
    await appendOne(follower, { type: 'checkpoint-triggered', epoch, checkpoint, kind, at: this.wallTime(), ...served })
    this.lastTriggeredAtMs = decidedAtMs
    // A worker that wants to leave still does when what others have asked for comes to nothing.
    if (request !== undefined && this.wanted === 'final') return
    if (this.wanted !== 'final' || kind === 'final') this.wanted = 'none'
  }

  private async abort(checkpoint: number, reason: AbortReason): Promise<void> {
    const { follower, epoch } = this.parts
    const { view } = follower
    const [declined] = view.pending?.declines.values() ?? []
    const missing = workersOf(view).filter((worker) => !view.pending?.acks.has(worker))
    const cause = declined === undefined ? `no ack of ${missing.join(', ')}` : `${declined.worker}: ${declined.cause}`
    this.remedy = declined?.remedy
    await appendOne(follower, { type: 'checkpoint-aborted', epoch, checkpoint, reason, cause, at: this.wallTime() })
  }

  private wallTime(): string {
    return new Date(this.parts.clock.nowMs()).toISOString()
  }

  /** All acks stand in the log: those of workers elsewhere came last, or the batch with the completion could not be made. */
  private async complete(checkpoint: number): Promise<void> {
    const { follower, epoch } = this.parts
    const pending = defined(follower.view.pending, 'pending checkpoint')
    const { unwritten } = this
    const completion =
      unwritten?.checkpoint === checkpoint
        ? unwritten.error
        : await this.writeMetadata(checkpoint, pending.triggered.kind, [...pending.acks.values()])
    if ('sha256' in completion) {
      await appendOne(follower, completion)
      return
    }
    if (this.stopping.signal.aborted) return
    this.remedy = isMillraceError(completion) ? completion.remedy : undefined
    const { message: cause } = completion
    const reason = 'metadata-not-written'
    await appendOne(follower, { type: 'checkpoint-aborted', epoch, checkpoint, reason, cause, at: this.wallTime() })
  }

  /** What to append, or why there is nothing to. */
  private async writeMetadata(
    checkpoint: number,
    kind: CheckpointKind,
    acks: readonly CheckpointAcked[],
  ): Promise<CheckpointCompleted | Error> {
    const { applicationId, epoch, graphDigest, states, sources, exchanges, storage, clock, logger } = this.parts
    const metadata = composeMetadata({
      applicationId,
      checkpoint,
      epoch,
      kind,
      triggeredAtMs: this.lastTriggeredWallMs,
      completedAtMs: clock.nowMs(),
      graphDigest,
      states,
      sources,
      exchanges,
      manifests: acks.map((ack) => ack.manifest),
      previous: this.previous,
    })
    const { bytes, sha256 } = encodeMetadata(metadata)
    this.metadataBytes = bytes.length
    const path = checkpointPath(applicationId, checkpoint, epoch)
    try {
      await this.untilTimeout((signal) => storage.put(path, [bytes], signal))
    } catch (thrown) {
      const error = toError(thrown)
      if (!this.stopping.signal.aborted) logger.warn('metadata-not-written', { checkpoint, path, error: error.message })
      this.unwritten = { checkpoint, error }
      return error
    }
    this.written.set(checkpoint, { metadata, sha256 })
    return { type: 'checkpoint-completed', epoch, checkpoint, path, sha256, at: metadata.completedAt }
  }

  /** A storage that doesn't answer must not hold up the decision for longer than workers may. */
  private async untilTimeout<T>(act: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, settings } = this.parts
    const inTime = new AbortController()
    const late = new AbortController()
    const leftMs = Math.max(0, this.lastTriggeredAtMs + settings.timeoutMs - clock.monotonicMs())
    clock.sleep(leftMs, inTime.signal).then(
      () => late.abort(new Error(`the storage has not answered within the checkpoint timeout of ${settings.timeoutMs} ms`)),
      () => {},
    )
    try {
      return await act(AbortSignal.any([late.signal, this.stopping.signal]))
    } finally {
      inTime.abort()
    }
  }

  private async drop(checkpoint: number): Promise<void> {
    const { follower, epoch, storage, logger, trimExchanges } = this.parts
    const { view } = follower
    const dropped = defined(
      [...view.abandoned, ...view.retained].find((one) => one.checkpoint === checkpoint),
      'checkpoint to drop',
    )
    if (!(await appendOne(follower, { type: 'checkpoint-dropped', epoch, checkpoint }))) return
    // The decision stands; what could not be deleted is an orphan, and a warning.
    try {
      const oldest = await dropCheckpoint(storage, dropped, view.retained)
      await trimExchanges(neededFrom(oldest))
    } catch (error) {
      logger.warn('checkpoint-not-deleted', { checkpoint, error: toError(error).message })
    }
  }

  /**
   * So that the log doesn't grow for ever, and a start doesn't read for ever (R1). Trimmed up to the summary before this one:
   * who is a moment behind, or has just asked where the log begins, finds what it is about to read.
   */
  private async summarise(): Promise<void> {
    const { follower, epoch, logger } = this.parts
    const { view } = follower
    const asOf = view.nextOffset
    const before = view.lastSummary
    this.summaryTriedAt = asOf
    if (!(await appendOne(follower, { type: 'summary', epoch, asOf, view: { ...view.fold() } }))) return
    if (before < 0) return
    await follower.trim(before).catch((error) => {
      logger.warn('control-log-not-trimmed', { before, error: toError(error).message })
    })
  }

  private async waitUntil(untilMs: number): Promise<void> {
    const { clock } = this.parts
    const cancel = new AbortController()
    const woken = new Promise<void>((resolve) => {
      this.wake = resolve
    })
    const ms = untilMs - clock.monotonicMs()
    if (Number.isFinite(ms)) {
      const slept = clock.sleep(Math.max(0, ms), cancel.signal).catch(() => {})
      await Promise.race([woken, slept])
    } else {
      await woken
    }
    cancel.abort()
    this.wake = () => {}
  }
}

/** What the oldest retained checkpoint goes on from: older frames of exchanges are needed by none (R14). */
function neededFrom({ exchanges }: CheckpointMetadata): ByPartition<number> {
  return Object.fromEntries(
    Object.entries(exchanges).map(([exchange, { positions }]) => [
      exchange,
      Object.fromEntries(Object.entries(positions).map(([partition, { position }]) => [partition, position])),
    ]),
  )
}
