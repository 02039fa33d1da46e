/** Workers over ports in memory, and commands that ask their job for something. */
import assert from 'node:assert/strict'
import type { JobDefinition } from '../../api/define-job.ts'
import { systemClock } from '../../common/clock.ts'
import { MillraceError } from '../../common/errors.ts'
import { silentLogger } from '../../common/logger.ts'
import { layerOfJob } from '../../config/layers.ts'
import { resolveConfig } from '../../config/resolve.ts'
import type { CheckpointStorage } from '../../ports/checkpoint-storage.ts'
import type { StateBackend } from '../../ports/state-backend.ts'
import { createMemoryBackend } from '../../state/memory/memory-backend.ts'
import { MemoryControlLog } from '../../testing/memory-control-log.ts'
import { MemoryGroup } from '../../testing/memory-group.ts'
import { MemoryStorage } from '../../testing/memory-storage.ts'
import { StorageFolder } from '../../testing/storage-folder.ts'
import { LogFollower } from '../log-follower.ts'
import { type RunningWorker, startWorker } from '../worker.ts'
import { WorkerStatus } from '../worker-status.ts'
import { askJob, type JobRequest } from './ask-job.ts'

export interface StartedWorker extends RunningWorker {
  readonly status: WorkerStatus
  /** As after a crash: the group misses it, and it never comes back. */
  disappear(): void
}

export class SavepointWorld {
  readonly log = new MemoryControlLog()
  readonly group = new MemoryGroup()
  readonly storage: MemoryStorage
  readonly applicationId: string
  /** What opens the folders of savepoints; tests have it fail. */
  openStorage: (uri: string) => Promise<CheckpointStorage>
  /** Of the workers that are started from now on. */
  createBackend: () => StateBackend = createMemoryBackend
  private workers = 0

  constructor(applicationId: string, storage = new MemoryStorage()) {
    this.applicationId = applicationId
    this.storage = storage
    this.openStorage = async (uri) => new StorageFolder(storage, uri)
  }

  start(job: JobDefinition, { from, ...options }: { from?: string; [option: string]: unknown } = {}): StartedWorker {
    const status = new WorkerStatus()
    const { config } = resolveConfig([
      layerOfJob({
        appId: this.applicationId,
        brokers: 'localhost:1',
        checkpoints: 'file:///nowhere',
        checkpointInterval: 100,
        restartStrategy: 'none',
        ...options,
      }),
    ])
    const membership = this.group.member()
    let isGone = false
    const worker = startWorker({
      applicationId: this.applicationId,
      graph: job.graph,
      config: { ...config, from },
      clock: systemClock,
      logger: silentLogger,
      metrics: { counter: () => ({ add() {} }), gauge() {} },
      status,
      storage: this.storage,
      openStorage: (uri) => this.openStorage(uri),
      name: `worker-${this.workers++}`,
      random: Math.random,
      createMembership: () => ({
        // Nobody hears of it any more.
        join: (facts) => (isGone ? Promise.reject(new MillraceError('MR_JOB_FAILED', 'gone')) : membership.join(facts)),
        leave: () => membership.leave(),
      }),
      createControlLog: () => this.log,
      createExchange: () => {
        throw new Error('these jobs have no exchange')
      },
      backends: () => [this.createBackend()],
    })
    const disappear = () => {
      isGone = true
      this.group.remove(this.group.ids()[0]!)
    }
    return { ...worker, status, disappear }
  }

  /** As the commands do. */
  async ask(draft: JobRequest['draft']): ReturnType<typeof askJob> {
    const follower = new LogFollower(this.log)
    await follower.start()
    try {
      return await askJob({ applicationId: this.applicationId, follower, clock: systemClock, draft })
    } finally {
      await follower.stop()
    }
  }

  async savepoint(isStop: boolean, to: string | null = null): Promise<string> {
    const { savepoint } = await this.ask({ type: 'savepoint-requested', to, isStop })
    assert(savepoint !== undefined, 'the savepoint is complete')
    return savepoint.uri
  }

  /** The log as it stands. */
  async view(): Promise<LogFollower['view']> {
    const follower = new LogFollower(this.log)
    await follower.start()
    await follower.stop()
    return follower.view
  }
}

export async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000
  while (!condition()) {
    assert.ok(Date.now() < deadline, 'the condition comes true in time')
    await new Promise((resolve) => setImmediate(resolve))
  }
}
