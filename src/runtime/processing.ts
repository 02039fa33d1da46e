/**
 * The running part of an epoch: source tasks, the worker loop, its checkpoints and the coordinator, put together, driven
 * by what the log says, and ended by a final checkpoint.
 */
import type { CheckpointMetadata } from '../checkpoint/metadata.ts'
import { type ControlRecord, isOfEpoch } from '../checkpoint/protocol/control-records.ts'
import type { CheckpointSettings } from '../checkpoint/protocol/coordination.ts'
import type { Config } from '../config/config.ts'
import { graphDigest, type Stage } from '../graph/stages.ts'
import type { ConnectorContext } from '../ports/connector-context.ts'
import type { SinkWriter } from '../ports/transactional-sink.ts'
import { taskKey } from '../records/task-id.ts'
import { WorkerState } from '../state/worker-state.ts'
import { Coordinator } from './coordinator.ts'
import type { EpochParts } from './epoch-parts.ts'
import { appendOne, type LogFollower } from './log-follower.ts'
import type { OpenedSinks } from './open-sinks.ts'
import type { RestoreReport } from './restore-state.ts'
import { SourceTasks } from './source-tasks.ts'
import { type Positions, partitionsOf } from './stage-tasks.ts'
import type { StateRegistry } from './state-registry.ts'
import { TaskChain } from './task-chain.ts'
import { WorkerCheckpoints } from './worker-checkpoints.ts'
import { WorkerLoop } from './worker-loop.ts'

/** What the start of the epoch has come to. */
export interface StartedEpoch {
  readonly epoch: number
  readonly worker: string
  readonly context: ConnectorContext
  readonly follower: LogFollower
  readonly stages: readonly Stage[]
  readonly sinks: OpenedSinks
  readonly registry: StateRegistry
  /** The restore point's; null for a job that begins. */
  readonly metadata: CheckpointMetadata | null
  readonly positions: Positions
  readonly restored: RestoreReport
  readonly fail: (error: Error) => void
  /** Called at the end of the epoch, the last added first. */
  readonly onClose: (close: () => Promise<unknown> | void) => void
}

/** Resolves after a final checkpoint is complete and committed; rejects on bad input or failing user code. */
export async function runProcessing(parts: EpochParts, started: StartedEpoch): Promise<void> {
  const { clock, config, status } = parts
  const { epoch, follower, sinks, onClose } = started
  const state = new WorkerState(parts.backend, clock, config.stateCacheBytes)
  onClose(() => state.close())
  const tasks = await openTasks(started, state)
  const coordinator = createCoordinator(parts, started)
  const checkpoints = createCheckpoints(parts, started, state, tasks, coordinator)
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
  onClose(
    follower.listen((record, _offset, isValid) => {
      if (isValid && isOfEpoch(record, epoch)) onRecord(record, parts, loop, checkpoints)
    }),
  )
  onClose(() => coordinator.abandon())
  coordinator.start()
  if (parts.stop.aborted) coordinator.want('final')
  parts.stop.addEventListener('abort', () => coordinator.want('final'), { once: true })
  status.enter('running')
  status.observe({ state, tasks, backend: parts.backend })
  onClose(() => loop.stop())
  await loop.run()
  await checkpoints.settle()
  await coordinator.stop()
}

async function openTasks(started: StartedEpoch, state: WorkerState): Promise<SourceTasks> {
  const { stages, positions, context, registry, sinks, restored, onClose } = started
  const writers = new Map<string, SinkWriter<unknown>>()
  for (const [name, sink] of sinks.byName) writers.set(name, sink.writer)
  const tasks = new SourceTasks()
  for (const stage of stages) {
    const starts = partitionsOf(stage, positions)
    const reader = await stage.source.source.open(context, starts)
    onClose(() => reader.close())
    const chains = new Map<number, TaskChain>()
    for (const { partition } of starts) {
      const task = taskKey({ stage: stage.name, partition })
      const isStateEmpty = restored.emptyTasks.has(task)
      chains.set(partition, new TaskChain({ stage, state: state.openTask(task), registry, writers, isStateEmpty }))
    }
    tasks.add(stage.name, reader, starts, chains)
  }
  return tasks
}

function createCoordinator(parts: EpochParts, started: StartedEpoch): Coordinator {
  const { applicationId, graph, config, clock, logger, storage } = parts
  const { epoch, follower, registry, positions, metadata, fail } = started
  const { restorePoint } = follower.view
  return new Coordinator({
    applicationId,
    epoch,
    graphDigest: graphDigest(graph),
    settings: checkpointSettings(config),
    clock,
    logger,
    follower,
    storage,
    states: registry.descriptions(),
    sources: positions,
    restored: metadata === null || restorePoint === null ? null : { metadata, sha256: restorePoint.sha256 },
    fail,
  })
}

function checkpointSettings(config: Config): CheckpointSettings {
  return {
    intervalMs: config.checkpointIntervalMs,
    timeoutMs: config.checkpointTimeoutMs,
    minPauseMs: config.checkpointMinPauseMs,
    tolerableFailures: config.checkpointTolerableFailures,
    retained: config.checkpointsRetained,
  }
}

function createCheckpoints(
  parts: EpochParts,
  started: StartedEpoch,
  state: WorkerState,
  tasks: SourceTasks,
  coordinator: Coordinator,
): WorkerCheckpoints {
  const { applicationId, clock, logger, storage, status } = parts
  const { epoch, worker, context, sinks, follower, fail } = started
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
    fail,
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
