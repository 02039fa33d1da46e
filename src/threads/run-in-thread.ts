/** The thread's side: runs one worker, and tells the main thread what it has to say. */
import { type MessagePort, parentPort } from 'node:worker_threads'
import type { JobDefinition } from '../api/define-job.ts'
import { defined } from '../common/assert.ts'
import { toError } from '../common/errors.ts'
import type { Logger } from '../common/logger.ts'
import type { Config } from '../config/config.ts'
import type { GivenMemory } from '../planning/memory/memory-report.ts'
import type { SharingWorker } from '../runtime/memory-sharing.ts'
import type { RunningWorker, WorkerEnd } from '../runtime/worker.ts'
import type { CompletedNews } from '../runtime/worker-status.ts'
import { createLogger } from '../service/logging.ts'
import { Metrics } from '../service/metrics.ts'
import { snapshotOf } from '../service/metrics-snapshot.ts'
import { addThreadMetrics } from '../service/process-metrics.ts'
import { receiveConfig } from './config-transfer.ts'
import { transferError } from './error-transfer.ts'
import type { FromThread, ThreadTask, ToThread } from './thread-messages.ts'

/** What the program starts a worker with, in whatever thread. */
export interface WorkerSetting {
  readonly job: JobDefinition
  readonly config: Config
  readonly logger: Logger
  readonly metrics: Metrics
  readonly health: {
    enter(state: 'restoring' | 'running'): void
    completed(completed: CompletedNews): void
  }
  /** Of the workers of this process. */
  readonly slot: number
  /** Where a memory-budget is set: from then on the worker is given its shares. */
  shareMemory(worker: SharingWorker): void
}

export interface ThreadProgram {
  loadJob(file: string, directory: string): Promise<JobDefinition>
  startWorker(setting: WorkerSetting): Promise<RunningWorker>
}

/** Resolves when the worker has ended and the main thread has been told so: the thread may end then. */
export async function runInThread(task: ThreadTask, program: ThreadProgram): Promise<void> {
  const port = defined(parentPort, 'port to the main thread')
  const send = (message: FromThread) => port.postMessage(message)
  const end = await run(task, program, port, send).catch((thrown): WorkerEnd => ({ ok: false, error: toError(thrown) }))
  send({ type: 'ended', error: end.ok ? null : transferError(end.error) })
}

async function run(
  { slot, jobFile, directory, log, ...task }: ThreadTask,
  program: ThreadProgram,
  port: MessagePort,
  send: (message: FromThread) => void,
): Promise<WorkerEnd> {
  const config = receiveConfig(task.config)
  const stream = { write: (line: string) => send({ type: 'log', line }) }
  const logger = createLogger({ ...log, stream, level: config.logLevel }).child({ worker: slot })
  const metrics = new Metrics()
  addThreadMetrics(metrics)
  let running: RunningWorker | undefined
  let isStopping = false
  let memory: SharingWorker | undefined
  let given: GivenMemory | undefined
  port.on('message', (message: ToThread) => {
    switch (message.type) {
      case 'ask':
        send({ type: 'here' })
        break
      case 'collect':
        send({ type: 'metrics', request: message.request, families: snapshotOf(metrics.all()) })
        break
      case 'measure':
        void tellMeasured(memory, send)
        break
      case 'memory':
        given = message.given
        memory?.take(given)
        break
      case 'stop':
        isStopping = true
        running?.stop()
    }
  })
  const job = await program.loadJob(jobFile, directory)
  running = await program.startWorker({
    job,
    config,
    logger,
    metrics,
    health: {
      enter: (state) => send({ type: 'state', state }),
      completed: (completed) => send({ type: 'completed', completed }),
    },
    slot,
    shareMemory: (worker) => {
      memory = worker
      if (given !== undefined) worker.take(given)
    },
  })
  if (isStopping) running.stop()
  return running.done
}

async function tellMeasured(memory: SharingWorker | undefined, send: (message: FromThread) => void): Promise<void> {
  send({ type: 'measured', measured: (await memory?.measure()) ?? 'none' })
}
