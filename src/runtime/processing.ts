import { abortReasonOf } from '../checkpoint/protocol/abort-reason.ts'
import type { IntervalBounds } from '../checkpoint/protocol/adaptive-interval.ts'
import { type ControlRecord, isOfEpoch } from '../checkpoint/protocol/control-records.ts'
import { type CheckpointSettings, workersOf } from '../checkpoint/protocol/coordination.ts'
import { defined } from '../common/assert.ts'
import type { Config } from '../config/config.ts'
import type { ExchangeWriter } from '../ports/exchange.ts'
import { WorkerState } from '../state/worker-state.ts'
import { Compaction } from './checkpoints/compaction.ts'
import { Coordinator } from './checkpoints/coordinator.ts'
import { keepSwept } from './checkpoints/orphan-sweep.ts'
import { WorkerCheckpoints } from './checkpoints/worker-checkpoints.ts'
import type { EpochParts } from './epoch-parts.ts'
import { watchGroup } from './group-changes.ts'
import { appendOne } from './log-follower.ts'
import { Standby } from './restore/standby.ts'
import { isServingStop, RequestServer } from './savepoint/request-server.ts'
import { shapeOf } from './savepoint/write-savepoint.ts'
import type { StartedEpoch } from './started-epoch.ts'
import { isHeldBack, tellOfLag } from './tasks/exchange-lag.ts'
import { type OpenedTasks, openTasks } from './tasks/open-tasks.ts'
import { WORKER_BOUNDS } from './worker-bounds.ts'
import { WorkerLoop } from './worker-loop.ts'

/** For compaction and sweeping to end with the epoch. */
const STORAGE_WORK_ENDS_MS = 500

/** Watermarks cross an exchange so often, where they have changed. */
const WATERMARK_EVERY_MS = 200

/** Resolves after a final checkpoint is complete and committed; rejects on bad input or failing user code. */
export async function runProcessing(parts: EpochParts, started: StartedEpoch): Promise<void> {
  const { clock, config, status, follower, stages } = parts
  const { epoch, sinks, onClose, writer } = started
  const { view } = follower
  const { memory } = parts
  const { applyEntries } = parts.bounds ?? WORKER_BOUNDS
  const state = new WorkerState(parts.backend, clock, memory?.cacheBytes ?? config.stateCacheBytes, {
    heldCheckpoint: started.restored.checkpoint,
    applyEntries,
    meter: memory?.meter ?? null,
  })
  onClose(() => state.close())
  const producers = new Set([...view.ready.values()].filter((id) => id !== null))
  const tasks = await openTasks({
    ...started,
    stages,
    state,
    recovered: defined(view.recovered, 'recovery'),
    emptyTasks: started.restored.emptyTasks,
    producers,
    nowMs: clock.monotonicMs(),
  })
  const coordinator = started.isLeader ? createCoordinator(parts, started) : null
  const compaction = createCompaction(parts, started)
  const standby = createStandby(parts, started)
  const checkpoints = createCheckpoints(parts, started, { state, tasks, coordinator, compaction, standby })
  // Before anything else touches the backend again.
  onClose(() => checkpoints.abandon())
  // They touch nothing but storage, which may be the very thing that does not answer.
  const soon = (stopped: Promise<void>) => Promise.race([stopped, clock.sleep(STORAGE_WORK_ENDS_MS)])
  const wantFinal = (cause: string) => requestFinal(parts, started, coordinator, cause)
  const loop: WorkerLoop = new WorkerLoop({
    clock,
    state,
    tasks,
    checkpoints,
    writers: [...sinks.all.map((sink) => sink.writer), ...(writer === null ? [] : [writer])],
    participants: sinks.participants,
    status,
    get overlayBytes() {
      return memory?.overlayBytes ?? config.overlayBytes
    },
    wantCheckpoint: () => requestEarly(parts, started, coordinator),
    isUndecided: (checkpoint) => view.lastCheckpoint < checkpoint || view.pending?.triggered.checkpoint === checkpoint,
    isHeldBack: () => isHeldBack(view),
    observeLag: (frames) => tellOfLag(parts, started, frames),
  })
  onClose(
    follower.listen((record, _offset, isValid) => {
      if (isValid && isOfEpoch(record, epoch)) onRecord(record, parts, loop, checkpoints)
    }),
  )
  if (coordinator !== null) {
    onClose(() => coordinator.abandon())
    coordinator.start()
  }
  if (started.isLeader) {
    const server = createRequestServer(parts, started)
    onClose(() => soon(server.stop()))
    server.start()
  }
  if (compaction !== null) {
    onClose(() => soon(compaction.stop()))
    compaction.start()
  }
  if (standby !== null) {
    onClose(() => standby.stop())
    standby.start()
  }
  if (started.isLeader) {
    const stopSweeping = keepSwept({ ...parts, epoch })
    onClose(() => soon(stopSweeping()))
  }
  watchGroup(parts, started, wantFinal)
  if (writer !== null && stages.some(({ input }) => input.kind === 'source' && input.source.watermarks !== undefined)) {
    const { exchanges } = defined(view.recovered, 'recovery')
    const partitionsOf = (name: string) => exchanges.find(({ exchange }) => exchange === name)?.partitions ?? 0
    onClose(clock.every(WATERMARK_EVERY_MS, () => announceWatermarks(tasks, writer, partitionsOf, clock.monotonicMs())))
  }
  status.enter('running')
  status.observe({ state, tasks, backend: parts.backend })
  onClose(() => loop.stop())
  status.beginEpoch({ workers: workersOf(view).length, intervalMs: config.checkpointIntervalMs }, clock.monotonicMs())
  onClose(() => status.load.end(clock.monotonicMs()))
  if (memory !== undefined) {
    onClose(() => memory.end())
    memory.begin(() => {
      state.cache.capacityBytes = memory.cacheBytes
      // It may wait for room that there is now.
      loop.look()
    })
  }
  await loop.run()
  await checkpoints.settle()
  await coordinator?.stop()
  // Whoever stops all the same need not wait; the leader does what was asked for.
  await follower.until(() => !isServingStop(follower), started.isLeader ? undefined : parts.stop)
}

/** Silent partitions are noticed here too: between two batches of others, or of none. */
function announceWatermarks(
  { sources, watermarks }: OpenedTasks,
  writer: ExchangeWriter,
  partitionsOf: (exchange: string) => number,
  nowMs: number,
): void {
  sources.updateWatermarks(nowMs)
  watermarks.announce(writer, partitionsOf)
}

/** The coordinator takes it; the others ask for it through the log. */
function requestFinal(
  parts: EpochParts,
  { epoch, worker, fail }: StartedEpoch,
  coordinator: Coordinator | null,
  cause: string,
): void {
  if (coordinator !== null) coordinator.want('final')
  else appendOne(parts.follower, { type: 'final-requested', epoch, worker, cause }).catch(fail)
}

/** Likewise. */
function requestEarly(parts: EpochParts, { epoch, worker, fail }: StartedEpoch, coordinator: Coordinator | null): void {
  if (coordinator !== null) coordinator.want('soon')
  else appendOne(parts.follower, { type: 'early-requested', epoch, worker }).catch(fail)
}

function createCoordinator(parts: EpochParts, started: StartedEpoch): Coordinator {
  const { applicationId, clock, logger, storage, follower, graphDigest, status } = parts
  const { epoch, registry, metadata, exchange, fail } = started
  const { restorePoint, recovered } = follower.view
  const { sources, exchanges } = defined(recovered, 'recovery')
  return new Coordinator({
    applicationId,
    epoch,
    graphDigest,
    settings: checkpointSettings(parts),
    clock,
    logger,
    follower,
    storage,
    states: registry.descriptions(),
    sources,
    exchanges,
    restored: metadata === null || restorePoint === null ? null : { metadata, sha256: restorePoint.sha256 },
    trimExchanges: async (before) => exchange?.trim(before),
    backPressure: () => status.load.takeBackPressure(clock.monotonicMs()),
    observeInterval: (intervalMs) => {
      status.intervalMs = intervalMs
    },
    observeMetadata: (metadata, bytes) => status.observeStored(metadata, bytes),
    fail,
  })
}

function createRequestServer(parts: EpochParts, { epoch, exchange }: StartedEpoch): RequestServer {
  const { applicationId, clock, logger, follower, storage, openStorage, stages, config } = parts
  const { retainOnCancel } = config
  const shape = shapeOf(stages)
  return new RequestServer({
    applicationId,
    epoch,
    clock,
    logger,
    follower,
    storage,
    openStorage,
    exchange,
    shape,
    retainOnCancel: retainOnCancel === 'keep',
  })
}

function checkpointSettings({ config, bounds: { summaryEvery } = WORKER_BOUNDS }: EpochParts): CheckpointSettings {
  return {
    intervalMs: config.checkpointIntervalMs,
    adaptive: intervalBounds(config),
    timeoutMs: config.checkpointTimeoutMs,
    minPauseMs: config.checkpointMinPauseMs,
    tolerableFailures: config.checkpointTolerableFailures,
    retained: config.checkpointsRetained,
    summaryEvery,
  }
}

/** Null: the interval stays as it is. */
function intervalBounds(config: Config): IntervalBounds | null {
  const { checkpointIntervalMs, checkpointIntervalMinMs: minMs, checkpointIntervalMaxMs: maxMs } = config
  if (minMs === 0 && maxMs === 0) return null
  return { minMs: minMs || checkpointIntervalMs, maxMs: maxMs || checkpointIntervalMs }
}

function createCompaction(parts: EpochParts, { epoch, tasks, metadata, context }: StartedEpoch): Compaction | null {
  const { applicationId, clock, logger, storage, status, config, bounds: sizes = WORKER_BOUNDS } = parts
  if (config.compactionShare === 0) return null
  const share = config.compactionShare / 100
  const { workerIndex } = context
  const statistics = status.compaction
  const place = { applicationId, epoch, workerIndex, tasks, metadata }
  return new Compaction({ ...place, clock, logger, storage, share, statistics, sizes })
}

function createStandby({ backend, storage, follower, clock, logger, status }: EpochParts, { standby }: StartedEpoch) {
  if (standby.length === 0) return null
  return new Standby({ backend, storage, tasks: standby, follower, clock, logger, statistics: status.standby })
}

/** What a worker's checkpoints have to do with. */
interface CheckpointRoles {
  readonly state: WorkerState
  readonly tasks: OpenedTasks
  /** Null: another worker leads. */
  readonly coordinator: Coordinator | null
  /** Null: it is off. */
  readonly compaction: Compaction | null
  /** Null: this worker keeps no copies. */
  readonly standby: Standby | null
}

function createCheckpoints(
  parts: EpochParts,
  started: StartedEpoch,
  { state, tasks, coordinator, compaction, standby }: CheckpointRoles,
): WorkerCheckpoints {
  const { applicationId, clock, logger, storage, status, follower } = parts
  const { epoch, worker, context, sinks, writer, fail } = started
  return new WorkerCheckpoints({
    applicationId,
    epoch,
    worker,
    workerIndex: context.workerIndex,
    clock,
    logger,
    state,
    storage,
    participants: sinks.participants,
    compaction,
    standby,
    writer,
    flushSinks: async () => {
      await Promise.all(sinks.all.filter((sink) => sink.participant === undefined).map((sink) => sink.writer.flush()))
    },
    positions: () => ({
      sources: tasks.sources.positions(),
      exchanges: tasks.exchanges?.positions() ?? {},
      watermarks: tasks.watermarks.reached(),
    }),
    watermark: () => tasks.watermarks.least(),
    whenTriggered: (checkpoint) => follower.until(() => follower.view.lastCheckpoint >= checkpoint),
    publishPositions: (at) => tasks.sources.publish(at),
    acknowledge: (checkpoint, manifest) =>
      coordinator?.acknowledge(checkpoint, worker, manifest) ??
      appendOne(follower, { type: 'checkpoint-acked', epoch, checkpoint, worker, manifest }),
    decline: async (checkpoint, cause) => {
      const reason = abortReasonOf(cause)
      logger.warn('checkpoint-declined', { checkpoint, reason, error: cause })
      const { message, remedy } = cause
      await appendOne(follower, { type: 'checkpoint-declined', epoch, checkpoint, worker, cause: message, reason, remedy })
    },
    onCommitted: async (checkpoint, committed) => {
      if (follower.view.request?.checkpoint !== checkpoint) return
      await appendOne(follower, { type: 'transactions-committed', epoch, checkpoint, worker, committed })
    },
    fail,
    observeUpload: (upload) => status.load.uploaded(upload),
    observePause: (pauseMs) => status.paused(pauseMs),
  })
}

/** What the log says to a running worker. */
function onRecord(record: ControlRecord, parts: EpochParts, loop: WorkerLoop, checkpoints: WorkerCheckpoints): void {
  const { logger, status, clock } = parts
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
      logger.warn('checkpoint-aborted', { checkpoint: record.checkpoint, reason: record.reason, cause: record.cause })
      checkpoints.onAborted(record.checkpoint)
      loop.aborted(record.checkpoint)
      break
    case 'checkpoint-acked':
      status.acked(record.manifest)
      break
    case 'exchange-lagging':
      loop.look()
      break
    default:
  }
}
