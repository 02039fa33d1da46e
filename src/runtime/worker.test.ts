import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { count, sum } from '../api/aggregates.ts'
import { defineJob, type JobDefinition } from '../api/define-job.ts'
import { valueState } from '../api/state.ts'
import { type ControlRecord, type EpochClaimed, encodeControlRecord } from '../checkpoint/protocol/control-records.ts'
import { systemClock } from '../common/clock.ts'
import { MillraceError } from '../common/errors.ts'
import { silentLogger } from '../common/logger.ts'
import { layerOfJob } from '../config/layers.ts'
import { resolveConfig } from '../config/resolve.ts'
import type { ControlLog, ControlLogEntry } from '../ports/control-log.ts'
import { createMemoryBackend } from '../state/memory/memory-backend.ts'
import { MemoryControlLog } from '../testing/memory-control-log.ts'
import { MemoryGroup } from '../testing/memory-group.ts'
import { MemorySink } from '../testing/memory-sink.ts'
import { type MemoryRecord, MemorySource } from '../testing/memory-source.ts'
import { MemoryStorage } from '../testing/memory-storage.ts'
import { StorageFolder } from '../testing/storage-folder.ts'
import { type RunningWorker, startWorker } from './worker.ts'
import { WorkerStatus } from './worker-status.ts'

interface Order {
  readonly amount: number
}

/** Everything that outlives a worker. */
class World {
  readonly log = new MemoryControlLog()
  readonly group = new MemoryGroup()
  private workers = 0
  readonly storage = new MemoryStorage()
  readonly source: MemorySource<Order>
  readonly sink = new MemorySink<unknown>()
  readonly job: JobDefinition
  status = new WorkerStatus()

  constructor(records: readonly MemoryRecord<Order>[]) {
    this.source = new MemorySource([records.filter((_, i) => i % 2 === 0), records.filter((_, i) => i % 2 === 1)])
    this.job = defineJob('orders', (job) => {
      job
        .source('orders', this.source)
        .filter((order) => order.amount > 0)
        .keyByRecordKey()
        .aggregate('totals', { orders: count(), total: sum((order) => order.amount) })
        .sink('out', this.sink)
    })
  }

  start(
    options: Record<string, unknown> = {},
    job = this.job,
    { log = this.log as ControlLog, backend = createMemoryBackend() } = {},
  ): RunningWorker & { disappear(): void } {
    this.status = new WorkerStatus()
    const { config } = resolveConfig([
      layerOfJob({
        appId: job.name,
        brokers: 'localhost:1',
        checkpoints: 'file:///nowhere',
        checkpointInterval: 100,
        restartStrategy: 'none',
        ...options,
      }),
    ])
    const membership = this.group.member()
    let isGone = false
    const worker: RunningWorker = startWorker({
      applicationId: job.name,
      graph: job.graph,
      config,
      clock: systemClock,
      logger: silentLogger,
      metrics: { counter: () => ({ add() {} }), gauge() {} },
      status: this.status,
      storage: this.storage,
      openStorage: async (uri) => new StorageFolder(this.storage, uri),
      name: `worker-${this.workers++}`,
      random: Math.random,
      createMembership: () => ({
        join: (facts) => {
          if (!isGone) return membership.join(facts)
          // One that is gone never comes back.
          worker.stop()
          return new Promise(() => {})
        },
        leave: () => membership.leave(),
      }),
      createControlLog: () => log,
      createExchange: () => {
        throw new Error('this job has no exchange')
      },
      backends: () => [backend],
    })
    const disappear = () => {
      isGone = true
    }
    return { ...worker, disappear }
  }
}

/** The log as a process reads it that stands still for a while: then everything comes at once. */
class SleepyLog implements ControlLog {
  private readonly log: MemoryControlLog
  private sleeping = Promise.resolve()
  wakeUp: () => void = () => {}

  constructor(log: MemoryControlLog) {
    this.log = log
  }

  fallAsleep(): void {
    this.sleeping = new Promise((resolve) => {
      this.wakeUp = resolve
    })
  }

  async *tail(offset: number, signal: AbortSignal): AsyncIterable<readonly ControlLogEntry[]> {
    let next = offset
    for await (const _ of this.log.tail(offset, signal)) {
      await this.sleeping
      const entries = this.log.entries.slice(next).map((value, i) => ({ offset: next + i, value }))
      next += entries.length
      yield entries
    }
  }

  open = () => this.log.open()
  endOffset = () => this.log.endOffset()
  append = (values: readonly Buffer[]) => this.log.append(values)
  trim = (offset: number) => this.log.trim(offset)
  close = () => this.log.close()
}

const orders = (n: number, keys = 3): MemoryRecord<Order>[] =>
  Array.from({ length: n }, (_, i) => ({ key: `c${Math.floor(i / 2) % keys}`, value: { amount: (i % 7) - 1 } }))

/** What the job must have put out in the end: per key the running count and total. Order only counts within a key. */
function expectedByKey(source: MemorySource<Order>): Map<string, unknown[]> {
  const result = new Map<string, { rows: unknown[]; orders: number; total: number }>()
  for (const partition of source.partitions) {
    for (const { key, value } of partition) {
      if (value.amount <= 0) continue
      const id = key!
      const state = result.get(id) ?? { rows: [], orders: 0, total: 0 }
      result.set(id, state)
      state.rows.push({ key: id, orders: ++state.orders, total: (state.total += value.amount) })
    }
  }
  return new Map([...result].map(([key, { rows }]) => [key, rows]))
}

function byKey(rows: readonly unknown[]): Map<string, unknown[]> {
  return Map.groupBy(rows, (row) => (row as { key: string }).key)
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000
  while (!condition()) {
    assert.ok(Date.now() < deadline, 'the condition comes true in time')
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Keys of one partition only: otherwise two partitions would hold parts of one key. */
const keyed = (n: number): MemoryRecord<Order>[] =>
  Array.from({ length: n }, (_, i) => ({ key: `p${i % 2}-${Math.floor(i / 2) % 3}`, value: { amount: (i % 7) - 1 } }))

describe('a worker', () => {
  test('counts every record once and ends after a final checkpoint', async () => {
    const world = new World(keyed(500))
    const worker = world.start()
    await until(() => world.sink.committed.length > 0)
    worker.stop()
    assert.deepEqual(await worker.done, { ok: true })
    assert.deepEqual(byKey(world.sink.committed), expectedByKey(world.source))
  })

  test('takes over from one that is gone, with nothing lost or doubled', async () => {
    const world = new World(keyed(200))
    const first = world.start()
    await until(() => world.sink.committed.length > 50)
    world.source.add(0, [{ key: 'p0-0', value: { amount: 5 } }])
    // As after a crash: nothing is told, but the group misses the member.
    first.disappear()
    world.group.remove(world.group.ids()[0]!)
    const second = world.start()
    await until(() => world.status.phase === 'running')
    world.source.add(1, [{ key: 'p1-0', value: { amount: 6 } }])
    await until(() => world.status.checkpoints.completed > 2)
    second.stop()
    assert.deepEqual(await second.done, { ok: true })
    assert.deepEqual(byKey(world.sink.committed), expectedByKey(world.source))
  })

  test('shares the work with others that come and go, each time behind a final checkpoint', async () => {
    const world = new World(keyed(400))
    const first = world.start()
    const firstStatus = world.status
    await until(() => world.sink.committed.length > 50)
    const second = world.start()
    const secondStatus = world.status
    await until(() => secondStatus.phase === 'running' && firstStatus.phase === 'running')
    assert.equal(firstStatus.observed?.tasks.sources.count, 1)
    assert.equal(secondStatus.observed?.tasks.sources.count, 1)
    world.source.add(0, [{ key: 'p0-0', value: { amount: 5 } }])
    world.source.add(1, [{ key: 'p1-0', value: { amount: 6 } }])
    await until(() => secondStatus.checkpoints.completed > 1)
    first.stop()
    assert.deepEqual(await first.done, { ok: true })
    await until(() => secondStatus.observed?.tasks.sources.count === 2 && secondStatus.phase === 'running')
    world.source.add(0, [{ key: 'p0-0', value: { amount: 7 } }])
    second.stop()
    assert.deepEqual(await second.done, { ok: true })
    assert.deepEqual(byKey(world.sink.committed), expectedByKey(world.source))
    // Nothing was read twice.
    const read = [firstStatus, secondStatus].map(({ records }) => records.get('orders') ?? 0)
    assert.equal(read[0]! + read[1]!, world.source.partitions.flat().length)
  })

  test('that was thrown out in its sleep takes no checkpoint of the others for its own', async () => {
    const world = new World(keyed(10))
    const log = new SleepyLog(world.log)
    const backend = createMemoryBackend()
    const first = world.start({}, world.job, { log, backend })
    await until(() => world.sink.committed.length > 0)
    log.fallAsleep()
    first.disappear()
    world.group.remove(world.group.ids()[0]!)
    const second = world.start()
    await until(() => world.status.checkpoints.completed > 2)
    log.wakeUp()
    await new Promise((resolve) => setTimeout(resolve, 20))
    const epochs = [...(await backend.markers()).values()].map(({ epoch }) => epoch)
    assert.deepEqual(new Set(epochs), new Set([0]))
    second.stop()
    await second.done
  })

  test('tells the others when it leaves an epoch that they have begun: they wait for no checkpoint with it', async () => {
    const world = new World(keyed(100))
    const first = world.start()
    const firstStatus = world.status
    await until(() => firstStatus.phase === 'running')
    // Stops reading the log once it is ready, so that the epoch begins behind its back.
    const log = new SleepyLog(world.log)
    const { append } = log
    log.append = (values) => {
      if (values.some((value) => value.includes('"worker-ready"'))) log.fallAsleep()
      return append(values)
    }
    const second = world.start({}, world.job, { log })
    await until(() => firstStatus.observed?.tasks.sources.count === 1 && firstStatus.phase === 'running')
    const third = world.start()
    const thirdStatus = world.status
    await new Promise((resolve) => setTimeout(resolve, 20))
    log.append = append
    log.wakeUp()
    await until(() => thirdStatus.phase === 'running')
    for (const worker of [third, second, first]) {
      worker.stop()
      assert.deepEqual(await worker.done, { ok: true })
    }
    assert.deepEqual(byKey(world.sink.committed), expectedByKey(world.source))
  })

  test('starts anew after a failure, as its restart strategy says', async () => {
    const world = new World(keyed(40))
    let failures = 2
    const job = defineJob('flaky', (builder) => {
      builder
        .source('orders', world.source)
        .map((order) => {
          if (order.amount === 5 && failures-- > 0) throw new Error('not now')
          return order
        })
        .sink('out', world.sink)
    })
    const worker = world.start({ restartStrategy: 'fixed-delay', restartDelay: 1 }, job)
    await until(() => world.sink.committed.length === 40)
    worker.stop()
    assert.deepEqual(await worker.done, { ok: true })
  })

  test('joins again after a failure between two epochs, as its restart strategy says', async () => {
    const world = new World(keyed(40))
    const first = world.start()
    await until(() => world.status.checkpoints.completed > 0)
    first.stop()
    await first.done
    const get = world.storage.get.bind(world.storage)
    let failures = 3
    // The leader reads the restore point before it claims.
    world.storage.get = async (path, signal) => {
      if (failures-- > 0) throw new MillraceError('MR_STORAGE_UNAVAILABLE', 'not now')
      return get(path, signal)
    }
    const refused = await world.start({ restartStrategy: 'none' }).done
    assert.equal(!refused.ok && (refused.error as MillraceError).code, 'MR_STORAGE_UNAVAILABLE')
    const worker = world.start({ restartStrategy: 'fixed-delay', restartDelay: 1 })
    await until(() => world.status.phase === 'running')
    assert.ok(failures < 0)
    worker.stop()
    assert.deepEqual(await worker.done, { ok: true })
  })

  test('gives up after as many failures as its restart strategy bears, and so does every other', async () => {
    const world = new World(keyed(40))
    const job = defineJob('broken', (builder) => {
      builder
        .source('orders', world.source)
        .map(() => {
          throw new Error('never')
        })
        .sink('out', world.sink)
    })
    const options = { restartStrategy: 'fixed-delay', restartAttempts: 2, restartDelay: 1 }
    const workers = [world.start(options, job), world.start(options, job)]
    for (const { done } of workers) {
      const end = await done
      assert.ok(!end.ok)
      assert.match(end.error.message, /never/)
    }
    assert.equal(world.log.entries.filter((value) => JSON.parse(value.toString()).type === 'worker-failed').length >= 3, true)
  })

  test('begins anew where the last word of the log is the failure of an earlier process', async () => {
    const world = new World(keyed(40))
    const first = world.start()
    await until(() => world.status.checkpoints.completed > 0)
    first.stop()
    await first.done
    const at = '2026-01-01T00:00:00Z'
    const failed: ControlRecord = {
      type: 'worker-failed',
      epoch: 0,
      worker: 'worker-0',
      code: 'MR_USER_CODE_FAILED',
      cause: 'it threw',
      verdict: 'final',
      at,
    }
    await world.log.append([encodeControlRecord(failed)])
    const second = world.start({ restartStrategy: 'none' })
    await until(() => world.status.phase === 'running' || world.status.phase === 'failed')
    second.stop()
    assert.deepEqual(await second.done, { ok: true })
  })

  test('that was taken over meets the consequences first, and does not take them for its own failure', async () => {
    const world = new World(keyed(40))
    const log = new SleepyLog(world.log)
    let trouble = false
    const open = world.source.open.bind(world.source)
    world.source.open = async (context, assigned) => {
      const reader = await open(context, assigned)
      const poll = (maxRecords: number) => {
        if (!trouble) return reader.poll(maxRecords)
        trouble = false
        throw new MillraceError('MR_EXCHANGE_POSITION_LOST', 'somebody has trimmed it')
      }
      return { ...reader, poll }
    }
    const worker = world.start({ restartStrategy: 'none' }, world.job, { log })
    await until(() => world.sink.committed.length > 0)
    log.fallAsleep()
    const claim = JSON.parse(String(world.log.entries[0])) as EpochClaimed
    const foreign = { ...claim, nonce: 'foreign', previousEpoch: 0, members: [], assignment: {} }
    await world.log.append([encodeControlRecord(foreign)])
    trouble = true
    world.source.add(0, [{ key: 'p0-0', value: { amount: 5 } }])
    await until(() => !trouble)
    log.wakeUp()
    await until(() => byKey(world.sink.committed).get('p0-0')?.length === expectedByKey(world.source).get('p0-0')?.length)
    worker.stop()
    assert.deepEqual(await worker.done, { ok: true })
    assert.deepEqual(byKey(world.sink.committed), expectedByKey(world.source))
  })

  test('does nothing for a record of the log that is void', async () => {
    const world = new World(keyed(40))
    const backend = createMemoryBackend()
    const digests = new Set<string>()
    const apply = backend.apply.bind(backend)
    backend.apply = (changes, markers) => {
      for (const { metadataDigest } of markers.values()) digests.add(metadataDigest)
      return apply(changes, markers)
    }
    const worker = world.start({}, world.job, { backend })
    await until(() => world.status.checkpoints.completed > 1)
    // Decided already: by its rights another leader's, who had not read that yet.
    const again: ControlRecord = { type: 'checkpoint-completed', epoch: 0, checkpoint: 1, path: 'void', sha256: 'void' }
    await world.log.append([encodeControlRecord(again)])
    const { completed } = world.status.checkpoints
    await until(() => world.status.checkpoints.completed > completed + 1)
    worker.stop()
    assert.deepEqual(await worker.done, { ok: true })
    assert.ok(digests.size > 1)
    assert.ok(!digests.has('void'))
  })

  test('fails with place and cause when the code of the job throws', async () => {
    const world = new World(keyed(10))
    const job = defineJob('failing', (builder) => {
      builder
        .source('orders', world.source)
        .map((order) => {
          if (order.amount === 5) throw new Error('no fives')
          return order
        })
        .sink('out', world.sink)
    })
    const end = await world.start({}, job).done
    assert.ok(!end.ok)
    assert.equal((end.error as MillraceError).code, 'MR_USER_CODE_FAILED')
    assert.match(end.error.message, /no fives.*orders\/0 at position 3/)
  })

  test('refuses a record without a key where keys are needed', async () => {
    const world = new World([{ key: null, value: { amount: 1 } }])
    const end = await world.start().done
    assert.equal(!end.ok && (end.error as MillraceError).code, 'MR_RECORD_WITHOUT_KEY')
  })

  test('that keeps copies of what another one runs restores nothing when that one is gone', async () => {
    const world = new World(keyed(400))
    const options = { standbyReplicas: 1 }
    const statuses: WorkerStatus[] = []
    const start = () => {
      const worker = world.start(options)
      statuses.push(world.status)
      return worker
    }
    const first = start()
    const second = start()
    await until(() => statuses.every(({ standby }) => standby.tasks === 1 && standby.checkpoint > 0))
    await until(() => world.sink.committed.length === [...expectedByKey(world.source).values()].flat().length)
    const [at] = statuses.map(({ checkpoints }) => checkpoints.lastCompleted)
    await until(() => statuses.every(({ standby }) => standby.checkpoint > (at ?? 0)))
    first.disappear()
    const [gone] = world.group.ids()
    world.group.remove(gone ?? '')
    await until(() => statuses[1]?.observed?.tasks !== undefined && statuses[1].standby.tasks === 0)
    await until(() => (statuses[1]?.checkpoints.lastCompleted ?? 0) > (at ?? 0) + 2)
    second.stop()
    assert.deepEqual(await second.done, { ok: true })
    assert.equal(statuses[1]?.restoreTotalBytes, 0)
    assert.deepEqual(byKey(world.sink.committed), expectedByKey(world.source))
  })

  test('keeps value state over a restart', async () => {
    const world = new World(keyed(40))
    const job = defineJob('seen', (builder) => {
      builder
        .source('orders', world.source)
        .keyByRecordKey()
        .process('seen', {
          state: { seen: valueState(() => 0) },
          onRecord(order, { key, state }) {
            state.seen.set(state.seen.get() + 1)
            return [{ key, seen: state.seen.get(), amount: order.amount }]
          },
        })
        .sink('out', world.sink)
    })
    const first = world.start({}, job)
    await until(() => world.sink.committed.length === 40)
    first.stop()
    await first.done
    world.source.add(0, [{ key: 'p0-0', value: { amount: 9 } }])
    const second = world.start({}, job)
    await until(() => world.sink.committed.length === 41)
    second.stop()
    await second.done
    const before = keyed(40).filter(({ key }) => key === 'p0-0').length
    assert.deepEqual(world.sink.committed.at(-1), { key: 'p0-0', seen: before + 1, amount: 9 })
  })
})

describe('failing storage', () => {
  test('is borne while checkpoints fail as often as tolerated, and what they held is carried on', async () => {
    const world = new World(keyed(300))
    world.storage.refusal = new MillraceError('MR_STORAGE_UNAVAILABLE', 'refused')
    const worker = world.start({
      checkpointTolerableFailures: 1000,
      transactionSlots: 100,
      checkpointTimeout: '1s',
      transactionTimeout: '7d',
      delivery: 'at-least-once',
    })
    await until(() => world.status.checkpoints.aborted >= 3)
    assert.equal(world.sink.committed.length, 0)
    world.storage.refusal = undefined
    await until(() => world.status.checkpoints.completed >= 1)
    worker.stop()
    assert.deepEqual(await worker.done, { ok: true })
    assert.deepEqual(byKey(world.sink.committed), expectedByKey(world.source))
  })

  test('fails the job when it fails more often', async () => {
    const world = new World(keyed(300))
    world.storage.refusal = new MillraceError('MR_STORAGE_UNAVAILABLE', 'refused')
    const end = await world.start({ checkpointTolerableFailures: 1 }).done
    assert.ok(!end.ok)
    const { code, message, remedy, details } = end.error as MillraceError
    assert.equal(code, 'MR_CHECKPOINTS_FAILING')
    assert.match(
      message,
      /^2 checkpoints in a row have failed; 1 are tolerated; checkpoint 2: storage-unavailable: \S+: refused$/,
    )
    assert.equal(remedy, new MillraceError('MR_STORAGE_UNAVAILABLE', '').remedy)
    assert.deepEqual(details, { reason: 'storage-unavailable' })
  })
})

test('a control log that is empty beside stored checkpoints is refused', async () => {
  const world = new World(orders(10))
  const first = world.start()
  await until(() => world.status.checkpoints.completed > 0)
  first.stop()
  await first.done
  world.log.entries.length = 0
  const second = world.start()
  await until(() => world.status.phase === 'failed' || world.status.phase === 'running')
  second.stop()
  const end = await second.done
  assert.equal(!end.ok && (end.error as MillraceError).code, 'MR_CONTROL_LOG_MISSING')
})

test('old checkpoints are dropped, the retained ones stay', async () => {
  const world = new World(keyed(300))
  const worker = world.start({ checkpointsRetained: 2 })
  await until(() => world.status.checkpoints.completed >= 5)
  worker.stop()
  await worker.done
  const kept = [...world.storage.files.keys()].filter((path) => path.endsWith('metadata.json'))
  assert.ok(kept.length >= 2 && kept.length <= 3, `${kept.length} checkpoints are kept`)
})
