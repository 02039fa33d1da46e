/**
 * One epoch of one worker: from the claim to its end. The steps of R6 of docs/protocol.md, then the loop.
 *
 *     joined → claimed → recovered → restored → ready → started → running → (final checkpoint) → ended
 *
 * Whatever happens, everything that the epoch opened is closed when `run` settles.
 */
import { randomUUID } from 'node:crypto'
import type { CheckpointMetadata, SourcePositions } from '../checkpoint/metadata.ts'
import { type ControlRecord, isOfEpoch } from '../checkpoint/protocol/control-records.ts'
import { defined } from '../common/assert.ts'
import type { Clock } from '../common/clock.ts'
import { isMillraceError, MillraceError, toError } from '../common/errors.ts'
import type { Logger } from '../common/logger.ts'
import type { Config } from '../config/config.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import { graphDigest, planStages, type Stage } from '../graph/stages.ts'
import type { CheckpointStorage } from '../ports/checkpoint-storage.ts'
import type { ConnectorContext } from '../ports/connector-context.ts'
import type { ControlLog } from '../ports/control-log.ts'
import type { GroupMembership, Membership } from '../ports/group-membership.ts'
import type { StateBackend } from '../ports/state-backend.ts'
import type { OpenedSink, TransactionParticipant } from '../ports/transactional-sink.ts'
import { taskKey } from '../records/task-id.ts'
import { WorkerState } from '../state/worker-state.ts'
import { Coordinator } from './coordinator.ts'
import { appendOne, LogFollower } from './log-follower.ts'
import { claimEpoch, readRestorePoint, resolvePositions, Superseded, settleTransactions } from './recovery.ts'
import { type RestoreReport, restoreState } from './restore-state.ts'
import { SourceTasks } from './source-tasks.ts'
import { registerStates, type StateRegistry } from './state-registry.ts'
import { TaskChain } from './task-chain.ts'
import { WorkerCheckpoints } from './worker-checkpoints.ts'
import { WorkerLoop } from './worker-loop.ts'
import type { WorkerStatus } from './worker-status.ts'

export interface EpochParts {
  readonly applicationId: string
  readonly graph: JobGraph
  readonly config: Config
  readonly clock: Clock
  readonly logger: Logger
  readonly status: WorkerStatus
  readonly controlLog: ControlLog
  readonly membership: GroupMembership
  readonly storage: CheckpointStorage
  readonly backend: StateBackend
  /** For connectors; `fail` of it ends the epoch. */
  readonly context: (fail: (error: Error) => void) => ConnectorContext
  /** Aborted when the worker is asked to stop: a final checkpoint is taken first. */
  readonly stop: AbortSignal
}

/** For telling the log of a failure and reading that back: brokers may be the very thing that failed. */
const REPORT_TIMEOUT_MS = 3_000

interface OpenedSinks {
  readonly byName: ReadonlyMap<string, OpenedSink<unknown>>
  /** Those of sink operators, and those of the sources' dead letters. */
  readonly all: readonly OpenedSink<unknown>[]
  readonly participants: readonly TransactionParticipant[]
}

export class Epoch {
  private readonly parts: EpochParts
  private readonly follower: LogFollower
  private readonly failure: Promise<never>
  private readonly stages: readonly Stage[]
  /** The epoch, once it is claimed. */
  private entered: { readonly epoch: number; readonly worker: string } | undefined
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
    await this.step('reading the control log', config.recoveryTimeoutMs, this.openControlLog())
    const membership = await this.step('joining the group', config.recoveryTimeoutMs, parts.membership.join())
    this.closers.push(() => parts.membership.leave())
    const sinks = await this.openSinks(context)
    const epoch = await this.claim(membership, sinks)
    this.entered = { epoch, worker: membership.self.worker }
    follower.listen(() => this.watchForTheEnd())
    const { metadata, positions } = await this.step('recovery', config.recoveryTimeoutMs, this.recover(epoch, context, sinks))

    status.enter('restoring')
    const registry = registerStates(parts.graph, metadata)
    const restored = await this.step('restoring state', config.restoreTimeoutMs, this.restore(metadata, positions))
    for (const participant of sinks.participants) await participant.begin()
    const { worker } = membership.self
    await appendOne(follower, { type: 'worker-ready', epoch, worker })
    const tasks = this.stages.flatMap((stage) => taskKeys(stage, positions))
    await appendOne(follower, { type: 'epoch-started', epoch, assignment: { [worker]: tasks } })
    if (follower.view.epochState !== 'started') throw new Superseded(`epoch ${follower.view.epoch} has taken over`)
    const { checkpoint } = follower.view.restorePoint ?? { checkpoint: 0 }
    logger.info('started', {
      epoch,
      checkpoint,
      tasks: tasks.length,
      totalMs: Math.round(parts.clock.monotonicMs() - startedAtMs),
    })

    await this.process(epoch, worker, context, sinks, registry, metadata, positions, restored)
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

  private async claim(membership: Membership, sinks: OpenedSinks): Promise<number> {
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

  private async restore(
    metadata: CheckpointMetadata | null,
    positions: Record<string, SourcePositions>,
  ): Promise<RestoreReport> {
    const { backend, storage, clock, logger, status } = this.parts
    const startMs = clock.monotonicMs()
    await this.openBackend()
    this.closers.push(() => backend.close())
    const { restorePoint, retained } = this.follower.view
    const report = await restoreState({
      backend,
      storage,
      restorePoint,
      metadata,
      ancestors: retained,
      tasks: this.stages.flatMap((stage) => taskKeys(stage, positions)),
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
    const { backend, logger } = this.parts
    try {
      await backend.open()
    } catch (error) {
      if (!isMillraceError(error, 'MR_STATE_LOCAL_CORRUPT')) throw error
      logger.warn('local-state-discarded', { error: error.message })
      await backend.reset()
    }
  }

  private async process(
    epoch: number,
    worker: string,
    context: ConnectorContext,
    sinks: OpenedSinks,
    registry: StateRegistry,
    metadata: CheckpointMetadata | null,
    positions: Record<string, SourcePositions>,
    restored: RestoreReport,
  ): Promise<void> {
    const { follower, parts } = this
    const { clock, logger, config, status, storage, applicationId } = parts
    const state = new WorkerState(parts.backend, clock, config.stateCacheBytes)
    this.closers.push(() => state.close())
    const writers = new Map([...sinks.byName].map(([name, sink]) => [name, sink.writer]))
    const tasks = new SourceTasks()
    for (const stage of this.stages) {
      const starts = partitionsOf(stage, positions)
      const reader = await stage.source.source.open(context, starts)
      this.closers.push(() => reader.close())
      const chains = new Map<number, TaskChain>()
      for (const { partition } of starts) {
        const task = taskKey({ stage: stage.name, partition })
        const isStateEmpty = restored.emptyTasks.has(task)
        chains.set(partition, new TaskChain({ stage, state: state.openTask(task), registry, writers, isStateEmpty }))
      }
      tasks.add(stage.name, reader, starts, chains)
    }
    const { restorePoint } = follower.view
    const coordinator = new Coordinator({
      applicationId,
      epoch,
      graphDigest: graphDigest(parts.graph),
      settings: {
        intervalMs: config.checkpointIntervalMs,
        timeoutMs: config.checkpointTimeoutMs,
        minPauseMs: config.checkpointMinPauseMs,
        tolerableFailures: config.checkpointTolerableFailures,
        retained: config.checkpointsRetained,
      },
      clock,
      logger,
      follower,
      storage,
      states: registry.descriptions(),
      sources: positions,
      restored: metadata === null || restorePoint === null ? null : { metadata, sha256: restorePoint.sha256 },
      fail: this.fail,
    })
    const checkpoints = new WorkerCheckpoints({
      applicationId,
      epoch,
      worker,
      workerIndex: context.workerIndex,
      clock,
      logger,
      state,
      storage,
      participants: sinks.participants,
      flushSinks: async () => {
        await Promise.all(sinks.all.filter((sink) => sink.participant === undefined).map((sink) => sink.writer.flush()))
      },
      positions: () => tasks.positions(),
      publishPositions: (at) => tasks.publish(at),
      acknowledge: (checkpoint, manifest) => coordinator.acknowledge(checkpoint, manifest),
      decline: async (checkpoint, cause) => {
        logger.warn('checkpoint-declined', { checkpoint, error: cause })
        await appendOne(follower, { type: 'checkpoint-declined', epoch, checkpoint, worker, cause: cause.message })
      },
      fail: this.fail,
      observePause: (pauseMs) => status.paused(pauseMs),
    })
    const loop = new WorkerLoop({
      clock,
      state,
      tasks,
      checkpoints,
      sinks: sinks.all,
      participants: sinks.participants,
      status,
      overlayBytes: config.overlayBytes,
      wantCheckpoint: () => coordinator.want('soon'),
    })
    this.closers.push(
      follower.listen((record, _offset, isValid) => {
        if (isValid && isOfEpoch(record, epoch)) this.onRecord(record, loop, checkpoints)
      }),
    )
    this.closers.push(() => coordinator.abandon())
    coordinator.start()
    if (parts.stop.aborted) coordinator.want('final')
    parts.stop.addEventListener('abort', () => coordinator.want('final'), { once: true })
    status.enter('running')
    status.observe({ state, tasks, backend: parts.backend })
    this.closers.push(() => loop.stop())
    await loop.run()
    await checkpoints.settle()
    await coordinator.stop()
  }

  /** What the log says to a running worker. */
  private onRecord(record: ControlRecord, loop: WorkerLoop, checkpoints: WorkerCheckpoints): void {
    const { logger, status, clock } = this.parts
    switch (record.type) {
      case 'checkpoint-triggered':
        status.triggered(record.checkpoint, clock.monotonicMs())
        logger.info('checkpoint-triggered', { checkpoint: record.checkpoint, kind: record.kind })
        loop.cutAt(record)
        break
      case 'checkpoint-completed': {
        const { durationMs, bytes } = status.completed(record.checkpoint, clock.monotonicMs(), clock.nowMs())
        logger.info('checkpoint-completed', { checkpoint: record.checkpoint, durationMs, bytes, path: record.path })
        loop.completed(record)
        break
      }
      case 'checkpoint-aborted':
        status.aborted(record.reason)
        logger.warn('checkpoint-aborted', { checkpoint: record.checkpoint, reason: record.reason })
        checkpoints.onAborted(record.checkpoint)
        loop.aborted(record.checkpoint)
        break
      case 'checkpoint-acked':
        status.acked(record.manifest)
        break
      default:
    }
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

  private async openSinks(context: ConnectorContext): Promise<OpenedSinks> {
    const byName = new Map<string, OpenedSink<unknown>>()
    const participants = new Set<TransactionParticipant>()
    const all: OpenedSink<unknown>[] = []
    for (const node of this.parts.graph.nodes) {
      if (node.kind === 'sink') {
        const sink = await node.sink.open(context)
        byName.set(node.name, sink)
        all.push(sink)
      } else if (node.kind === 'source') {
        all.push(...((await node.source.openSideSinks?.(context)) ?? []))
      }
    }
    for (const sink of all) {
      this.closers.push(() => sink.writer.close())
      if (sink.participant !== undefined) participants.add(sink.participant)
    }
    return { byName, all, participants: [...participants] }
  }

  private orFailed<T>(promise: Promise<T>): Promise<T> {
    return Promise.race([promise, this.failure])
  }

  /** R6: every step has a deadline with a name. */
  private async step<T>(name: string, timeoutMs: number, promise: Promise<T>): Promise<T> {
    const cancel = new AbortController()
    const late = this.parts.clock.sleep(timeoutMs, cancel.signal).then(() => {
      throw new MillraceError('MR_EPOCH_TIMEOUT', `${name} has not ended within ${timeoutMs} ms`)
    })
    late.catch(() => {})
    try {
      return await Promise.race([promise, late])
    } finally {
      cancel.abort(new Error('done'))
    }
  }
}

function partitionsOf(stage: Stage, positions: Record<string, SourcePositions>) {
  const source = defined(positions[stage.name], `positions of ${stage.name}`)
  return Object.entries(source.positions).map(([partition, position]) => ({ partition: Number(partition), position }))
}

function taskKeys(stage: Stage, positions: Record<string, SourcePositions>): string[] {
  return partitionsOf(stage, positions).map(({ partition }) => taskKey({ stage: stage.name, partition }))
}
