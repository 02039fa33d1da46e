/**
 * One epoch of one worker: from its claim to its end. The steps of R6 of docs/protocol.md, then the loop.
 *
 *     claimed → (the leader) recovered → restored → ready → (the leader) started → running → final checkpoint → ended
 *
 * Whatever happens, everything that the epoch opened is closed when `run` settles, and nothing of it touches the local
 * state any more.
 */
import type { CheckpointMetadata } from '../checkpoint/metadata.ts'
import { workersOf } from '../checkpoint/protocol/coordination.ts'
import { defined } from '../common/assert.ts'
import { isMillraceError, MillraceError, toError } from '../common/errors.ts'
import type { Stage } from '../graph/stages.ts'
import type { ConnectorContext } from '../ports/connector-context.ts'
import type { Exchange, ExchangeWriter } from '../ports/exchange.ts'
import type { TaskKey } from '../records/task-id.ts'
import { withDeadline } from './deadline.ts'
import { type EpochEnd, EpochOver } from './epoch-end.ts'
import type { EpochParts } from './epoch-parts.ts'
import { discardLocalState } from './local-state.ts'
import { appendOne } from './log-follower.ts'
import { runProcessing } from './processing.ts'
import { readRestorePoint, recover } from './recovery.ts'
import { type RestoreReport, restoreState } from './restore/restore-state.ts'
import { explainUnreadable } from './restore/unreadable-checkpoint.ts'
import type { GivenSavepoint } from './savepoint/given-savepoint.ts'
import { SharedResources } from './shared-resources.ts'
import { ShutdownTimeout } from './shutdown-timeout.ts'
import { Superseded } from './superseded.ts'
import { type OpenedSinks, openSinks } from './tasks/open-sinks.ts'
import { registerStates } from './tasks/state-registry.ts'
import { verdictOn } from './verdict.ts'

/** For telling the log of a failure and reading that back: brokers may be the very thing that failed. */
const REPORT_TIMEOUT_MS = 3_000
/** Likewise where shutdown-timeout is over already: platforms kill 30 s after SIGTERM, and leaving the group comes on top. */
const LAST_WORD_TIMEOUT_MS = 1_000
const PROGRESS_EVERY_MS = 1_000

export class Epoch {
  /** The offset of its claim. */
  readonly number: number
  private readonly parts: EpochParts
  private readonly worker: string
  private readonly tasks: readonly TaskKey[]
  private readonly standby: readonly TaskKey[]
  private readonly ending = Promise.withResolvers<never>()
  private readonly ownShared = new SharedResources()
  private readonly closers: (() => Promise<unknown> | void)[] = []
  private readonly ended = Promise.withResolvers<void>()
  /** Aborted when the epoch has ended, for what must not go on in the background. */
  private readonly over = new AbortController()
  private isRunning = false
  /** The log says that this worker is ready: from then on others may run, and count on it. */
  private isReady = false

  constructor(parts: EpochParts) {
    this.parts = parts
    const { view } = parts.follower
    this.number = view.epoch
    this.worker = parts.session.joined.self.worker
    this.tasks = view.claim?.assignment[this.worker] ?? []
    this.standby = view.claim?.standby?.[this.worker] ?? []
    this.ending.promise.catch(() => {})
  }

  /** Ends the epoch with this error; the first one counts. */
  readonly fail = (error: Error): void => {
    this.parts.logger.debug('epoch-ending', { error })
    this.ending.reject(error)
  }

  /** Ends it with this error; resolves when everything is closed. */
  async abandon(error: Error): Promise<void> {
    this.fail(error)
    await this.ended.promise
  }

  async run(): Promise<EpochEnd> {
    try {
      this.watch()
      await Promise.race([this.runSteps(), this.ending.promise])
      return { kind: 'finished' }
    } catch (thrown) {
      return await this.endOf(toError(thrown))
    } finally {
      this.over.abort(new Error('the epoch has ended'))
      for (const close of this.closers.reverse()) {
        try {
          await close()
        } catch (error) {
          this.closeFailed(error)
        }
      }
      await this.ownShared.close(this.parts.logger)
      this.ended.resolve()
    }
  }

  /** What ends an epoch from outside: a newer claim (R5), a failure elsewhere, a change of the group. */
  private watch(): void {
    const { follower, session } = this.parts
    const look = () => {
      const { view } = follower
      if (view.epoch !== this.number) this.ending.reject(new EpochOver({ kind: 'superseded' }))
      else if (view.failure !== undefined) this.ending.reject(new EpochOver({ kind: 'failed', isFinal: false }))
    }
    this.closers.push(follower.listen(look))
    look()
    const { rebalancing, ended } = session.membership
    const leave = () => this.ending.reject(new EpochOver({ kind: 'left' }))
    this.whenAborted(ended, leave)
    // A running epoch takes a last checkpoint first (processing.ts).
    this.whenAborted(rebalancing, () => {
      if (!this.isRunning) leave()
    })
  }

  private whenAborted(signal: AbortSignal, act: () => void): void {
    if (signal.aborted) {
      act()
      return
    }
    signal.addEventListener('abort', act, { once: true })
    this.closers.push(() => signal.removeEventListener('abort', act))
  }

  private async endOf(error: Error): Promise<EpochEnd> {
    if (error instanceof EpochOver) {
      if (error.end.kind === 'left' && this.isReady) await this.tellThatItLeaves()
      return error.end
    }
    const { parts } = this
    const isOutOfTime = error instanceof ShutdownTimeout
    // Who was taken over may meet the consequences, such as a fenced transaction, before the claim that tells why.
    if (!isOutOfTime) await Promise.race([parts.follower.catchUp().catch(() => {}), parts.clock.sleep(REPORT_TIMEOUT_MS)])
    if (error instanceof Superseded || parts.follower.view.epoch !== this.number) return { kind: 'superseded' }
    // Damage that only reading has shown: it would show again.
    if (isMillraceError(error, 'MR_STATE_LOCAL_CORRUPT')) {
      this.closers.unshift(() => discardLocalState(parts.backend, error, parts.logger))
    }
    const verdict = verdictOn(error)
    parts.logger.warn('epoch-failed', { epoch: this.number, error })
    const reported = this.report(error, verdict).catch(() => {})
    await Promise.race([reported, parts.clock.sleep(isOutOfTime ? LAST_WORD_TIMEOUT_MS : REPORT_TIMEOUT_MS)])
    return { kind: 'failed', error, isFinal: verdict === 'final' }
  }

  /** It may still be a member of the group, and so the others would wait for a last checkpoint together with it. */
  private async tellThatItLeaves(): Promise<void> {
    const { clock } = this.parts
    const gone = new MillraceError('MR_WORKER_GONE', `${this.worker} has left the epoch without a last checkpoint`)
    await Promise.race([this.report(gone, 'membership').catch(() => {}), clock.sleep(LAST_WORD_TIMEOUT_MS)])
  }

  /** So that every other worker and whoever reads it later knows. Best effort: the end doesn't wait for it. */
  private async report(error: Error, verdict: 'restart' | 'final' | 'membership'): Promise<void> {
    const { follower, clock } = this.parts
    const code = isMillraceError(error) ? error.code : error.name
    const at = new Date(clock.nowMs()).toISOString()
    const cause = error.message
    const { number: epoch, worker } = this
    const isValid = await appendOne(follower, { type: 'worker-failed', epoch, worker, code, cause, verdict, at })
    if (verdict === 'final' && isValid) await appendOne(follower, { type: 'job-failed', epoch, code, cause })
  }

  private async runSteps(): Promise<void> {
    const { parts, worker } = this
    const { logger, status, config, follower, session, clock } = parts
    const startedAtMs = clock.monotonicMs()
    status.enter('starting')
    const context = this.context()
    const sinks = await this.step(this.openSinks(context))
    const exchange = this.stageExchanges().length === 0 ? null : parts.createExchange(context)
    const recovering = this.recovered(sinks, exchange)
    // Copying a savepoint takes as long as restoring from it.
    const copyingMs = parts.savepoint === null ? 0 : config.restoreTimeoutMs
    const metadata = await this.step(recovering, 'recovery', config.recoveryTimeoutMs + copyingMs)

    status.enter('restoring')
    const registry = registerStates(parts.graph, metadata)
    const restored = await this.step(this.restore(metadata), 'restoring state', config.restoreTimeoutMs)
    const { fresh } = defined(follower.view.recovered, 'recovery')
    for (const participant of sinks.participants) participant.begin(fresh[participant.name] ?? {})
    const writer = await this.step(this.openWriter(exchange))
    const exchangeProducerId = writer?.producerId ?? null
    this.isReady = true
    await this.step(appendOne(follower, { type: 'worker-ready', epoch: this.number, worker, exchangeProducerId }))
    await this.step(this.started(), 'the start of all workers', config.restoreTimeoutMs)
    const { checkpoint } = follower.view.restorePoint ?? { checkpoint: 0 }
    logger.info('started', {
      epoch: this.number,
      checkpoint,
      tasks: this.tasks.length,
      workers: workersOf(follower.view).length,
      totalMs: Math.round(clock.monotonicMs() - startedAtMs),
    })
    this.isRunning = true
    // Whoever wanted in or out meanwhile is served by a final checkpoint now.
    await runProcessing(parts, {
      epoch: this.number,
      worker,
      tasks: this.tasks,
      standby: this.standby,
      isLeader: session.joined.isLeader,
      context,
      sinks,
      registry,
      metadata,
      exchange,
      writer,
      restored,
      fail: this.fail,
      onClose: this.onClose,
    })
  }

  private async openSinks(context: ConnectorContext): Promise<OpenedSinks> {
    const sinks = await openSinks(this.parts.graph, context)
    this.onClose(() => Promise.all(sinks.all.map((sink) => sink.writer.close())))
    return sinks
  }

  private context(): ConnectorContext {
    const { applicationId, index, clock, logger, metrics, config, shared, memory } = this.parts
    return {
      applicationId,
      workerIndex: index,
      clock,
      logger,
      metrics,
      config,
      share: (key, make, life = 'epoch') => (life === 'worker' ? shared : this.ownShared).share(key, make),
      fail: this.fail,
      ...(memory === undefined ? {} : { openFetchBudget: memory.shareFetching() }),
    }
  }

  private stageExchanges() {
    return this.parts.stages.flatMap((stage) => stage.exchanges)
  }

  /** The leader recovers; the others wait for it. Resolves with the restore point's metadata. */
  private async recovered(sinks: OpenedSinks, exchange: Exchange | null): Promise<CheckpointMetadata | null> {
    const { session, follower, storage, applicationId } = this.parts
    if (session.plan !== undefined) {
      return recover(this.parts, { epoch: this.number, sinks, exchange, signal: this.over.signal })
    }
    await follower.until(() => follower.view.recovered !== undefined)
    // The leader was started without it, or with another one: nothing has been lost yet.
    if (this.parts.savepoint?.isToTake(follower.view)) throw notTaken(this.parts.savepoint)
    return readRestorePoint(follower.view, storage, applicationId)
  }

  private async openWriter(exchange: Exchange | null): Promise<ExchangeWriter | null> {
    const { stages, follower } = this.parts
    const writes = stages.some((stage) => stage.exchanges.length > 0 && this.tasks.some((task) => isOfStage(task, stage)))
    if (exchange === null || !writes) return null
    const writer = await exchange.openWriter(defined(follower.view.recovered, 'recovery').exchanges)
    this.onClose(() => writer.close())
    return writer
  }

  /** The leader starts the epoch when all are ready; the others wait for it. */
  private async started(): Promise<void> {
    const { follower, session, clock } = this.parts
    const { view } = follower
    if (session.joined.isLeader) {
      await follower.until(() => workersOf(view).every((worker) => view.ready.has(worker)))
      await appendOne(follower, { type: 'epoch-started', epoch: this.number, at: new Date(clock.nowMs()).toISOString() })
    }
    await follower.until(() => view.started !== undefined)
  }

  private async restore(metadata: CheckpointMetadata | null): Promise<RestoreReport> {
    const { backend, storage, clock, logger, follower, status, applicationId } = this.parts
    const startMs = clock.monotonicMs()
    const { restorePoint, lineage } = follower.view
    const restoring = restoreState({
      backend,
      storage,
      restorePoint,
      metadata,
      ancestors: lineage,
      tasks: this.tasks,
      standby: this.standby,
      signal: this.over.signal,
      clock,
      onProgress: this.progress(),
    })
    // The next epoch must not find it at work.
    this.closers.push(() =>
      restoring.then(
        () => {},
        () => {},
      ),
    )
    const report = await restoring.catch(async (error: unknown) => {
      throw await explainUnreadable(error, { view: follower.view, storage, applicationId })
    })
    status.load.restored(report, clock.monotonicMs() - startMs)
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

  /** To the status, and now and then to the log. */
  private progress(): (doneBytes: number, totalBytes: number) => void {
    const { clock, logger, status } = this.parts
    let toldAtMs = clock.monotonicMs()
    return (doneBytes, totalBytes) => {
      status.restoring(doneBytes, totalBytes)
      if (clock.monotonicMs() - toldAtMs < PROGRESS_EVERY_MS) return
      toldAtMs = clock.monotonicMs()
      logger.info('restoring', { doneBytes, totalBytes })
    }
  }

  /** What opens behind the end of the epoch is closed at once, and whoever opened it goes no further. */
  private readonly onClose = (close: () => Promise<unknown> | void): void => {
    if (!this.over.signal.aborted) {
      this.closers.push(close)
      return
    }
    void (async () => close())().catch((error: unknown) => this.closeFailed(error))
    this.over.signal.throwIfAborted()
  }

  private closeFailed(error: unknown): void {
    this.parts.logger.warn('close-failed', { error: toError(error).message })
  }

  /** A step behind the end of the epoch is not waited for, and none comes behind it. */
  private step<T>(promise: Promise<T>, name?: string, timeoutMs = 0): Promise<T> {
    const untilEnd = Promise.race([promise, this.ending.promise])
    return name === undefined ? untilEnd : withDeadline(this.parts.clock, name, timeoutMs, untilEnd)
  }
}

function notTaken({ storage }: GivenSavepoint): MillraceError {
  return new MillraceError(
    'MR_SAVEPOINT_NOT_TAKEN',
    `the leader of the job has not begun with ${storage.uri}: copies of the job were started with different options`,
  )
}

function isOfStage(task: TaskKey, stage: Stage): boolean {
  return task.startsWith(`${stage.name}/`)
}

/** A worker of the epoch has left the group without a last checkpoint. */
export function workerGone(workers: readonly string[]): MillraceError {
  return new MillraceError('MR_WORKER_GONE', `${workers.join(', ')} left the group without a last checkpoint`)
}
