/** The entry of a thread whose worker does what the name of the job file says. No Kafka. */
import { BroadcastChannel, workerData } from 'node:worker_threads'
import type { JobDefinition } from '../api/define-job.ts'
import { MillraceError } from '../common/errors.ts'
import { IDLE, loaded as loadedReport } from '../planning/memory/memory-report.fixture.ts'
import type { WorkerEnd } from '../runtime/worker.ts'
import { runInThread } from './run-in-thread.ts'
import type { ThreadTask } from './thread-messages.ts'

const task: ThreadTask = workerData

await runInThread(task, {
  async loadJob(file) {
    if (file === 'missing') throw new MillraceError('MR_JOB_FILE_NOT_FOUND', 'there is none')
    return { name: file } as JobDefinition
  },
  async startWorker({ job, config, logger, metrics, health, slot, shareMemory }) {
    const { promise, resolve } = Promise.withResolvers<WorkerEnd>()
    metrics.counter('records_total', 'Records.').add(10 + slot)
    health.enter('running')
    health.completed({ checkpoint: 7, completedAtMs: 1, durationMs: 2, bytes: 3 })
    const password = config.kafkaSaslPassword
    logger.info('at work', { app: config.appId, password, revealed: password?.reveal().length })
    const acts: Record<string, () => void> = {
      throw: () => void setImmediate(() => throwTypeError()),
      exit: () => process.exit(4),
      loop: () =>
        void setImmediate(() => {
          for (;;);
        }),
      share: () => {
        let isLoaded = false
        let cacheBytes = 0
        // What the test tells all threads: who has something to do, or is to die.
        const load = new BroadcastChannel('load')
        load.onmessage = (event) => {
          const { loaded, dies } = (event as { data: { loaded: number; dies: number } }).data
          isLoaded = loaded === slot
          if (dies === slot) throwTypeError()
        }
        load.unref()
        metrics.gauge('cache_share_bytes', 'Share.', () => cacheBytes)
        shareMemory({
          measure: () => (isLoaded ? loadedReport(cacheBytes) : IDLE),
          take: ({ shares }) => {
            cacheBytes = shares.get('cache') ?? 0
          },
        })
      },
      fail: () => resolve({ ok: false, error: new MillraceError('MR_USER_CODE_FAILED', 'at record 7', { details: { slot } }) }),
    }
    acts[job.name]?.()
    return { done: promise, stop: () => resolve({ ok: true }) }
  },
})
process.exit(0)

function throwTypeError(): never {
  throw new TypeError('nobody catches this')
}
