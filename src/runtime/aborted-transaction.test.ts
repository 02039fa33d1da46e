/** A transaction that the outside aborts while the job runs, between the metadata of its checkpoint and its commit. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineJob } from '../api/define-job.ts'
import { systemClock } from '../common/clock.ts'
import { isMillraceError } from '../common/errors.ts'
import { silentLogger } from '../common/logger.ts'
import { layerOfJob } from '../config/layers.ts'
import { resolveConfig } from '../config/resolve.ts'
import { createMemoryBackend } from '../state/memory/memory-backend.ts'
import { MemoryControlLog } from '../testing/memory-control-log.ts'
import { MemoryGroup } from '../testing/memory-group.ts'
import { MemorySink } from '../testing/memory-sink.ts'
import { MemorySource } from '../testing/memory-source.ts'
import { MemoryStorage } from '../testing/memory-storage.ts'
import { StorageFolder } from '../testing/storage-folder.ts'
import { type RunningWorker, startWorker } from './worker.ts'
import { WorkerStatus } from './worker-status.ts'

const NUMBERS = Array.from({ length: 100 }, (_, i) => i)

class World {
  readonly log = new MemoryControlLog()
  readonly group = new MemoryGroup()
  readonly sink = new MemorySink<number>()
  readonly storage = new AbortingStorage(this.sink)
  readonly source = new MemorySource([NUMBERS.map((value) => ({ key: 'k', value }))])

  start(options: Record<string, unknown>): RunningWorker {
    const { graph } = defineJob('numbers', (job) => {
      job.source('in', this.source).sink('out', this.sink)
    })
    const { config } = resolveConfig([
      layerOfJob({
        appId: 'numbers',
        brokers: 'localhost:1',
        checkpoints: 'file:///nowhere',
        checkpointInterval: 100,
        ...options,
      }),
    ])
    return startWorker({
      applicationId: 'numbers',
      graph,
      config,
      clock: systemClock,
      logger: silentLogger,
      metrics: { counter: () => ({ add() {} }), gauge() {} },
      status: new WorkerStatus(),
      storage: this.storage,
      openStorage: async (uri) => new StorageFolder(this.storage, uri),
      name: 'worker',
      random: Math.random,
      createMembership: () => this.group.member(),
      createControlLog: () => this.log,
      createExchange: () => assert.fail('this job has no exchange'),
      backends: () => [createMemoryBackend()],
    })
  }
}

/** Aborts whatever is open once the metadata of the first checkpoint is there: all that its commit stands on. */
class AbortingStorage extends MemoryStorage {
  private readonly sink: MemorySink<number>
  private hasAborted = false

  constructor(sink: MemorySink<number>) {
    super()
    this.sink = sink
  }

  override async put(path: string, chunks: readonly Uint8Array[], signal?: AbortSignal): Promise<void> {
    await super.put(path, chunks, signal)
    const hasOutput = [...this.sink.transactions.values()].some(({ values }) => values.length > 0)
    if (!path.endsWith('metadata.json') || this.hasAborted || !hasOutput) return
    this.hasAborted = true
    this.sink.abortOpen()
  }
}

test('ends the epoch of the worker that finds it, as an error that a restart mends', async () => {
  const world = new World()
  const end = await world.start({ restartStrategy: 'none' }).done
  assert.ok(!end.ok && isMillraceError(end.error, 'MR_TRANSACTION_ABORTED'), JSON.stringify(end))
  assert.deepEqual(world.sink.committed, [])
})

test('is salvaged by the next epoch, once and in order', async () => {
  const world = new World()
  const worker = world.start({ restartStrategy: 'fixed-delay', restartDelay: 1 })
  const deadline = Date.now() + 10_000
  while (world.sink.committed.length < NUMBERS.length && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  worker.stop()
  assert.deepEqual(await worker.done, { ok: true })
  assert.deepEqual(world.sink.committed, NUMBERS)
  assert.ok(
    world.log.entries.some((entry) => entry.includes('transaction-salvaged')),
    'it was salvaged',
  )
})
