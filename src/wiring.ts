/** Wires connectors to the engine: beside main.ts the only file of src that knows connectors. */
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { getHeapStatistics } from 'node:v8'
import { KafkaControlLog } from '../connectors/kafka/control/kafka-control-log.ts'
import { KafkaExchange } from '../connectors/kafka/exchange/kafka-exchange.ts'
import { createGroupMembership } from '../connectors/kafka/group/create-group-membership.ts'
import type { JobDefinition } from './api/define-job.ts'
import type { OpenedControlLog, StorageConfig } from './cli/cli-environment.ts'
import { systemClock } from './common/clock.ts'
import { silentLogger } from './common/logger.ts'
import type { Config } from './config/config.ts'
import { openStorage } from './open-storage.ts'
import { planWorkerMemory } from './planning/memory/initial-shares.ts'
import type { CheckpointStorage } from './ports/checkpoint-storage.ts'
import type { ConnectorContext } from './ports/connector-context.ts'
import type { ControlLog } from './ports/control-log.ts'
import type { StateBackend } from './ports/state-backend.ts'
import { SharedResources } from './runtime/shared-resources.ts'
import { type RunningWorker, startWorker } from './runtime/worker.ts'
import { WORKER_BOUNDS, type WorkerBounds } from './runtime/worker-bounds.ts'
import { WorkerMemory } from './runtime/worker-memory.ts'
import { WorkerStatus } from './runtime/worker-status.ts'
import { Advisor } from './service/advisor.ts'
import { addJobMetrics } from './service/job-metrics.ts'
import { Metrics } from './service/metrics.ts'
import { createMemoryBackend, createRocksDbBackend } from './state/backends.ts'
import type { WorkerSetting } from './threads/run-in-thread.ts'

const MIB = 2 ** 20

/** What makes the ports of a worker. Tests substitute some of it by things that fail. */
export interface Wiring {
  /** @param patienceMs how long a store that does not answer is asked again; by default as long as a job can do without it */
  openStorage(config: StorageConfig, patienceMs?: number): Promise<CheckpointStorage>
  createControlLog(context: ConnectorContext): ControlLog
  /** @param index of the local directory: several workers may share a machine */
  createBackend(config: Config, index: number): StateBackend
  /** The job as it runs. */
  prepareJob(job: JobDefinition): JobDefinition
}

export const productionWiring: Wiring = {
  openStorage,
  createControlLog: (context) => new KafkaControlLog(context),
  createBackend: (config, index) =>
    config.stateBackend === 'memory'
      ? createMemoryBackend()
      : createRocksDbBackend({
          directory: join(config.stateDirectory, config.appId, String(index)),
          ...(config.memoryBudget === 0 ? {} : { writeBufferBytes: planWorkerMemory(config).writeBufferBytes }),
        }),
  prepareJob: (job) => job,
}

/** For commands that look at a job from outside. */
export async function visitControlLog(applicationId: string, config: Config): Promise<OpenedControlLog> {
  const shared = new SharedResources()
  const log = new KafkaControlLog(
    {
      applicationId,
      workerIndex: 0,
      clock: systemClock,
      logger: silentLogger,
      metrics: new Metrics(),
      config,
      share: (key, make) => shared.share(key, make),
      // The command waits for what it appends.
      fail: () => {},
    },
    { isVisit: true },
  )
  const close = async () => {
    await log.close()
    await shared.close(silentLogger)
  }
  try {
    await log.open()
  } catch (error) {
    await close()
    throw error
  }
  return { log, close }
}

/** One worker, in this thread. */
export async function startOneWorker(setting: WorkerSetting, wiring: Wiring = productionWiring): Promise<RunningWorker> {
  const { config, logger, metrics, health, slot } = setting
  const job = wiring.prepareJob(setting.job)
  const status = new WorkerStatus()
  status.onChange = (phase) => {
    if (phase === 'restoring' || phase === 'running') health.enter(phase)
  }
  const advisor = new Advisor({ status, config, clock: systemClock, logger })
  advisor.addMetrics(metrics)
  status.onCompleted = (completed) => {
    health.completed(completed)
    advisor.look()
  }
  addJobMetrics(
    metrics,
    status,
    job.graph.nodes.flatMap((node) => (node.kind === 'source' ? [node.name] : [])),
  )
  const heapLimitBytes = getHeapStatistics().heap_size_limit
  const memory =
    config.memoryBudget > 0 ? new WorkerMemory({ config, status, clock: systemClock, logger, heapLimitBytes }) : undefined
  status.memory = memory
  if (memory !== undefined) setting.shareMemory(memory)
  return startWorker({
    ...(memory === undefined ? {} : { memory, bounds: boundsWithin(memory) }),
    applicationId: config.appId,
    graph: job.graph,
    config,
    clock: systemClock,
    logger,
    metrics,
    status,
    storage: await wiring.openStorage(config),
    openStorage: (checkpoints) => wiring.openStorage({ ...config, checkpoints }),
    name: workerName(slot),
    host: hostname(),
    random: Math.random,
    createMembership: (connector, directory) =>
      createGroupMembership(connector, {
        topics: () => topicsOf(job),
        ...(directory === null
          ? { memberFiles: { folder: join(config.stateDirectory, config.appId, 'members'), slot } }
          : { identityFile: join(directory, 'group-member') }),
      }),
    createExchange: (connector) => new KafkaExchange(connector),
    createControlLog: (connector) => wiring.createControlLog(connector),
    backends: () => backendsOf(config, wiring),
  })
}

/**
 * Unique for ever, so that nobody takes what stands in the log for something of his own: in containers process ids come
 * again with every start, and slots with every thread.
 */
function workerName(slot: number): string {
  return `${hostname()}-${process.pid}-${slot}-${randomBytes(2).toString('hex')}`
}

/** Workers that one machine may run of one job, each with a local directory of its own. */
const MAX_LOCAL_WORKERS = 256

function* backendsOf(config: Config, wiring: Wiring): Iterable<StateBackend> {
  for (let index = 0; index < MAX_LOCAL_WORKERS; index++) yield wiring.createBackend(config, index)
}

/** Objects of compaction are put together in memory. */
function boundsWithin({ budgetBytes }: WorkerMemory): WorkerBounds {
  return { ...WORKER_BOUNDS, objectBytes: Math.max(8 * MIB, Math.min(WORKER_BOUNDS.objectBytes, Math.floor(budgetBytes / 16))) }
}

function topicsOf({ graph }: JobDefinition): string[] {
  return graph.nodes.flatMap((node) => (node.kind === 'source' && node.source.topic !== undefined ? [node.source.topic] : []))
}
