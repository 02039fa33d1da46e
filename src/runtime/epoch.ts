/**
 * One epoch of one worker: from the claim to its end. The steps of R6 of docs/protocol.md, then the loop.
 *
 *     joined → claimed → recovered → restored → ready → started → running → (final checkpoint) → ended
 *
 * Whatever happens, everything that the epoch opened is closed when `run` settles.
 */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { CheckpointMetadata } from '../checkpoint/metadata.ts'
import { isMillraceError, toError } from '../common/errors.ts'
import { graphDigest, planStages, type Stage } from '../graph/stages.ts'
import type { ConnectorContext } from '../ports/connector-context.ts'
import type { Joined } from '../ports/group-membership.ts'
import { withDeadline } from './deadline.ts'
import type { EpochParts } from './epoch-parts.ts'
import { appendOne, LogFollower } from './log-follower.ts'
import { type OpenedSinks, openSinks } from './open-sinks.ts'
import { runProcessing } from './processing.ts'
import { claimEpoch, readRestorePoint, resolvePositions, Superseded, settleTransactions } from './recovery.ts'
import { type RestoreReport, restoreState } from './restore-state.ts'
import { type Positions, taskKeysOf } from './stage-tasks.ts'
import { registerStates } from './state-registry.ts'

/** For telling the log of a failure and reading that back: brokers may be the very thing that failed. */
const REPORT_TIMEOUT_MS = 3_000

export class Epoch {
  private readonly parts: EpochParts
  private readonly follower: LogFollower
  private readonly failure: Promise<never>
  private readonly stages: readonly Stage[]
  /** The epoch, once it is claimed. */
  private entered: { readonly epoch: number; readonly worker: string } | undefined
  /** Of the local state. */
  private damage: Error | undefined
  private readonly closers: (() => Promise<unknown> | void)[] = []
  /** Ends the epoch with this error; the first one counts. */
  readonly fail: (error: Error) => void

  constructor(parts: EpochParts) {
    this.parts = parts
    this.follower = new LogFollower(parts.controlLog)
    this.stages = planStages(parts.graph)
    let reject: (error: Error) => void = () => {}
    this.failure = new Promise<never>((_, rejectFailure) => {
      reject = rejectFailure
    })
    this.failure.catch(() => {})
    this.fail = (error) => {
      parts.logger.debug('epoch-ending', { error })
      reject(error)
    }
    this.follower.failed.catch((error) => reject(error))
  }

  /** Resolves after a final checkpoint, when the worker was asked to stop; rejects with what ended the epoch otherwise. */
  async run(): Promise<void> {
    try {
      await this.orFailed(this.runSteps())
    } catch (error) {
      // Damage that only reading has shown: it would show again after the next start.
      if (isMillraceError(error, 'MR_STATE_LOCAL_CORRUPT')) this.damage = error
      await this.reportFailure(toError(error))
      // Who was taken over may meet the consequences, such as a fenced transaction, before the claim that tells why.
      throw this.takenOver() ?? error
    } finally {
      await this.follower.stop()
      for (const close of this.closers.reverse()) {
        try {
          await close()
        } catch (error) {
          this.parts.logger.warn('close-failed', { error: toError(error).message })
        }
      }
    }
  }

  private async runSteps(): Promise<void> {
    const { parts, follower } = this
    const { logger, status, config } = parts
    const startedAtMs = parts.clock.monotonicMs()
    status.enter('starting')
    const context = parts.context(this.fail)
    // First of all: a second process on this state must not take over from the first one, only to find it in use.
    await this.withDeadline('opening the local state', config.restoreTimeoutMs, this.openBackend())
    await this.withDeadline('reading the control log', config.recoveryTimeoutMs, this.openControlLog())
    const facts = {
      worker: `${hostname()}-${process.pid}`,
      joinNonce: randomUUID(),
      graphDigest: graphDigest(parts.graph),
      localState: {},
    }
    const membership = await this.withDeadline('joining the group', config.recoveryTimeoutMs, parts.membership.join(facts))
    await membership.settle()
    this.closers.push(() => parts.membership.leave())
    const sinks = await openSinks(parts.graph, context)
    for (const sink of sinks.all) this.closers.push(() => sink.writer.close())
    const epoch = await this.claim(membership, sinks)
    this.entered = { epoch, worker: membership.self.worker }
    follower.listen(() => this.watchForTheEnd())
    const { metadata, positions } = await this.withDeadline(
      'recovery',
      config.recoveryTimeoutMs,
      this.recover(epoch, context, sinks),
    )

    status.enter('restoring')
    const registry = registerStates(parts.graph, metadata)
    const restored = await this.withDeadline('restoring state', config.restoreTimeoutMs, this.restore(metadata, positions))
    for (const participant of sinks.participants) await participant.begin()
    const { worker } = membership.self
    await appendOne(follower, { type: 'worker-ready', epoch, worker })
    const tasks = taskKeysOf(this.stages, positions)
    await appendOne(follower, { type: 'epoch-started', epoch, assignment: { [worker]: tasks } })
    if (follower.view.epochState !== 'started') throw new Superseded(`epoch ${follower.view.epoch} has taken over`)
    const { checkpoint } = follower.view.restorePoint ?? { checkpoint: 0 }
    logger.info('started', {
      epoch,
      checkpoint,
      tasks: tasks.length,
      totalMs: Math.round(parts.clock.monotonicMs() - startedAtMs),
    })

    await runProcessing(parts, {
      epoch,
      worker,
      context,
      follower,
      stages: this.stages,
      sinks,
      registry,
      metadata,
      positions,
      restored,
      fail: this.fail,
      onClose: (close) => this.closers.push(close),
    })
  }

  /** Tells the log why, so that every other worker and whoever reads it later knows. Best effort: the end doesn't wait for it. */
  private async reportFailure(error: Error): Promise<void> {
    if (this.entered === undefined || error instanceof Superseded) return
    const reported = appendOne(this.follower, { type: 'worker-failed', ...this.entered, cause: error.message })
    await Promise.race([reported.catch(() => {}), this.parts.clock.sleep(REPORT_TIMEOUT_MS)])
  }

  private async openControlLog(): Promise<void> {
    const { created } = await this.parts.controlLog.open()
    if (created) this.parts.logger.info('control-log-created')
    await this.follower.start()
  }

  private async claim(membership: Joined, sinks: OpenedSinks): Promise<number> {
    const { graph, clock } = this.parts
    const slots = Math.max(0, ...sinks.participants.map((participant) => participant.slots))
    const pool = { workers: membership.members.length, slots }
    return claimEpoch(this.follower, membership, graphDigest(graph), pool, randomUUID(), clock.nowMs())
  }

  private async recover(epoch: number, context: ConnectorContext, sinks: OpenedSinks) {
    const { follower } = this
    const { storage, applicationId, graph, logger } = this.parts
    const metadata = await readRestorePoint(follower, storage, applicationId)
    const settled = await settleTransactions(follower, epoch, metadata, sinks.participants, logger)
    const positions = await resolvePositions(follower, epoch, graph, metadata, context)
    const isValid = await appendOne(follower, {
      type: 'epoch-recovered',
      epoch,
      restorePoint: follower.view.restorePoint,
      settled,
    })
    if (!isValid) throw new Superseded(`epoch ${follower.view.epoch} has taken over during recovery`)
    return { metadata, positions }
  }

  private async restore(metadata: CheckpointMetadata | null, positions: Positions): Promise<RestoreReport> {
    const { backend, storage, clock, logger, status } = this.parts
    const startMs = clock.monotonicMs()
    const { restorePoint, retained } = this.follower.view
    const report = await restoreState({
      backend,
      storage,
      restorePoint,
      metadata,
      ancestors: retained,
      tasks: taskKeysOf(this.stages, positions),
      onProgress: (doneBytes, totalBytes) => status.restoring(doneBytes, totalBytes),
    })
    if (restorePoint !== null) {
      logger.info('restored', {
        checkpoint: restorePoint.checkpoint,
        durationMs: Math.round(clock.monotonicMs() - startMs),
        tasks: report.tasks,
        tasksFromLocal: report.tasksFromLocal,
        fetchedBytes: report.fetchedBytes,
        path: restorePoint.path,
      })
    }
    return report
  }

  /** Damaged local state is no loss: it is a copy of the checkpoint. */
  private async openBackend(): Promise<void> {
    const { backend } = this.parts
    this.closers.push(async () => {
      if (this.damage !== undefined) await this.discardLocalState(this.damage)
      await backend.close()
    })
    try {
      await backend.open()
    } catch (error) {
      if (!isMillraceError(error, 'MR_STATE_LOCAL_CORRUPT')) throw error
      await this.discardLocalState(error)
    }
  }

  private async discardLocalState(error: Error): Promise<void> {
    this.parts.logger.warn('local-state-discarded', { error: error.message })
    await this.parts.backend.reset()
  }

  /** R5: a newer valid claim ends this epoch at once. */
  private watchForTheEnd(): void {
    const newer = this.takenOver()
    if (newer !== undefined) this.fail(newer)
  }

  private takenOver(): Superseded | undefined {
    const { entered, follower } = this
    if (entered === undefined || follower.view.epoch === entered.epoch) return undefined
    return new Superseded(`epoch ${follower.view.epoch} has taken over from epoch ${entered.epoch}`)
  }

  private withDeadline<T>(name: string, timeoutMs: number, promise: Promise<T>): Promise<T> {
    return withDeadline(this.parts.clock, name, timeoutMs, promise)
  }

  private orFailed<T>(promise: Promise<T>): Promise<T> {
    return Promise.race([promise, this.failure])
  }
}
