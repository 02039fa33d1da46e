/**
 * Several workers in one process: each in a thread, with the main thread to look after them. It has the log stream, the
 * HTTP server and the signals, and does no work of the job, so whatever happens in a thread, it goes on.
 */
import { type Clock, systemClock } from '../common/clock.ts'
import type { Logger } from '../common/logger.ts'
import type { Config } from '../config/config.ts'
import { MemorySharing } from '../runtime/memory-sharing.ts'
import { superviseWorkers } from '../runtime/supervisor.ts'
import type { RunningWorker } from '../runtime/worker.ts'
import type { GatheredMetrics } from '../service/gathered-metrics.ts'
import type { Health } from '../service/health.ts'
import type { Log } from '../service/logging.ts'
import { transferConfig } from './config-transfer.ts'
import { type ThreadNews, WorkerThread } from './worker-thread.ts'

export interface WorkersContext {
  readonly file: string
  readonly directory: string
  readonly config: Config
  readonly log: Log
  readonly logger: Logger
  readonly metrics: GatheredMetrics
  readonly health: Health
  readonly clock?: Clock
}

/** Behind the worker's own time-out: it may need this long to close what it has open. */
const CLOSE_TIMEOUT_MS = 3_000
/** Kafka has taken a worker that is silent for its session out of the group by then. */
const STALL_TIMEOUT_MS = 30_000
const SESSIONS_PER_STALL = 3

/** @param entry URL of the module that runs the program: each thread runs it too */
export function startWorkers(context: WorkersContext, entry: string): RunningWorker {
  const { file, directory, config, log, logger, metrics, health, clock = systemClock } = context
  const threads = new Map<number, WorkerThread>()
  const transferred = transferConfig(config)
  health.expectWorkers(config.workers)
  metrics.setOthers(() =>
    Promise.all(
      [...threads].map(async ([slot, thread]) => ({
        labels: { worker: String(slot) },
        families: await thread.metrics(),
      })),
    ),
  )
  const onNews = (slot: number, news: ThreadNews) => {
    if (news.type === 'log') log.writeLine(news.line)
    else if (news.type === 'state') health.enterWorker(slot, news.state)
    else health.completed(news.completed)
  }
  const memory = config.memoryBudget > 0 ? new MemorySharing({ config, clock }) : null
  const workers = superviseWorkers({
    workers: config.workers,
    clock,
    logger,
    stopTimeoutMs: config.shutdownTimeoutMs + CLOSE_TIMEOUT_MS,
    stallTimeoutMs: Math.max(STALL_TIMEOUT_MS, SESSIONS_PER_STALL * config.sessionTimeoutMs),
    start(slot) {
      const task = {
        kind: 'millrace-worker' as const,
        slot,
        jobFile: file,
        directory,
        config: transferred,
        log: { format: log.format, colour: log.colour },
      }
      const thread = new WorkerThread(entry, task, (news) => onNews(slot, news))
      threads.set(slot, thread)
      health.enterWorker(slot, 'starting')
      const leaveMemory = memory?.join(slot, thread)
      thread.ended.then(() => {
        leaveMemory?.()
        threads.delete(slot)
        health.enterWorker(slot, 'starting')
      })
      return thread
    },
  })
  void workers.done.then(() => memory?.stop())
  return workers
}
