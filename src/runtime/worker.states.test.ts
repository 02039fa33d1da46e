/** Workers whose jobs keep all kinds of state: over restarts from storage alone, changes of the job, and time. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { count, sum } from '../api/aggregates.ts'
import { defineJob, type JobDefinition } from '../api/define-job.ts'
import { aggregatingState, listState, mapState, reducingState, valueState } from '../api/state.ts'
import { type Clock, systemClock } from '../common/clock.ts'
import type { MillraceError } from '../common/errors.ts'
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
import { startWorker } from './worker.ts'
import { WorkerStatus } from './worker-status.ts'

/** Everything that outlives a worker. Each begins with an empty backend: its state comes from storage. */
class World<T> {
  readonly source = new MemorySource<T>([[]])
  readonly sink = new MemorySink<unknown>()
  private readonly log = new MemoryControlLog()
  private readonly group = new MemoryGroup()
  private readonly storage = new MemoryStorage()
  private movedMs = 0
  private readonly clock: Clock = { ...systemClock, nowMs: () => Date.now() + this.movedMs }

  /** Runs the job over the records, to a final checkpoint; gives what is new in the sink. */
  async run(job: JobDefinition, records: readonly (readonly [key: string, value: T])[]): Promise<unknown[]> {
    const before = this.sink.committed.length
    this.source.add(
      0,
      records.map(([key, value]) => ({ key, value })),
    )
    const status = new WorkerStatus()
    const worker = this.start(job, status)
    const deadline = Date.now() + 10_000
    let end: Awaited<typeof worker.done> | undefined
    void worker.done.then((result) => {
      end = result
    })
    while (end === undefined && (status.records.get('in') ?? 0) < records.length) {
      assert.ok(Date.now() < deadline, 'the records are processed in time')
      await new Promise((resolve) => setImmediate(resolve))
    }
    worker.stop()
    const result = await worker.done
    if (!result.ok) throw result.error
    return this.sink.committed.slice(before)
  }

  passTime(ms: number): void {
    this.movedMs += ms
  }

  private start(job: JobDefinition, status: WorkerStatus) {
    const { config } = resolveConfig([
      layerOfJob({ appId: job.name, brokers: 'localhost:1', checkpoints: 'file:///nowhere', restartStrategy: 'none' }),
    ])
    const membership = this.group.member()
    return startWorker({
      applicationId: job.name,
      graph: job.graph,
      config,
      clock: this.clock,
      logger: silentLogger,
      metrics: { counter: () => ({ add() {} }), gauge() {} },
      status,
      storage: this.storage,
      openStorage: async (uri) => new StorageFolder(this.storage, uri),
      name: 'worker',
      random: Math.random,
      createMembership: () => membership,
      createControlLog: () => this.log,
      createExchange: () => {
        throw new Error('this job has no exchange')
      },
      backends: () => [createMemoryBackend()],
    })
  }
}

const HOUR_MS = 3_600_000

describe('a worker', () => {
  test('restores lists, maps, reducing and aggregating state, fetched whole, ahead, or when asked for', async () => {
    const world = new World<number>()
    const job = defineJob('kinds', (builder) => {
      builder
        .source('in', world.source)
        .keyByRecordKey()
        .process('first', {
          state: { total: reducingState<number>((a, b) => a + b) },
          onRecord(n, { state }) {
            state.total.add(n)
            // Two for each record: the code behind must take one after the other.
            return [n, -n]
          },
        })
        .keyByRecordKey()
        .process('second', {
          state: {
            list: listState<number>(),
            small: mapState<string, number>(),
            large: mapState<string, number>(),
            stats: aggregatingState({ n: count(), sum: sum((n: number) => n) }),
          },
          reads: { large: (n) => [`k${n}`] },
          async onRecord(n, { key, timestamp, state }) {
            const { list, small, large, stats } = state
            const name = `k${n}`
            list.add(n)
            small.set(name, (small.get(name) ?? 0) + 1)
            large.set(name, (large.get(name) ?? 0) + 1)
            stats.add(n)
            const opposite = await large.load(`k${-n}`)
            const all = (await Array.fromAsync(large.scan())).map(([mapKey, seen]) => `${mapKey}=${seen}`)
            return [{ key, timestamp, list: [...list], small: [...small.keys()], opposite, all, ...stats.get() }]
          },
        })
        .sink('out', world.sink)
    })
    const row = (key: string, list: number[], names: string[], opposite: number | undefined, all: string[]) => {
      const of = { n: list.length, sum: list.reduce((a, b) => a + b) }
      return { key, timestamp: 0, list, small: names, opposite, all, ...of }
    }
    const first = await world.run(job, [
      ['a', 1],
      ['b', 1],
      ['a', 2],
    ])
    assert.deepEqual(first, [
      row('a', [1], ['k1'], undefined, ['k1=1']),
      row('a', [1, -1], ['k-1', 'k1'], 1, ['k-1=1', 'k1=1']),
      row('b', [1], ['k1'], undefined, ['k1=1']),
      row('b', [1, -1], ['k-1', 'k1'], 1, ['k-1=1', 'k1=1']),
      row('a', [1, -1, 2], ['k-1', 'k1', 'k2'], undefined, ['k-1=1', 'k1=1', 'k2=1']),
      row('a', [1, -1, 2, -2], ['k-1', 'k-2', 'k1', 'k2'], 1, ['k-1=1', 'k-2=1', 'k1=1', 'k2=1']),
    ])
    const names = ['k-1', 'k-2', 'k1', 'k2']
    assert.deepEqual(await world.run(job, [['a', 1]]), [
      row('a', [1, -1, 2, -2, 1], names, 1, ['k-1=1', 'k-2=1', 'k1=2', 'k2=1']),
      row('a', [1, -1, 2, -2, 1, -1], names, 2, ['k-1=2', 'k-2=1', 'k1=2', 'k2=1']),
    ])
  })

  test('forgets what has outlived its time, on the heap and in what it restores', async () => {
    const world = new World<number>()
    const job = defineJob('ttl', (builder) => {
      const keyed = builder.source('in', world.source).keyByRecordKey()
      keyed
        .reduce('latest', (a, b) => a + b, { ttl: '1h' })
        .map((total) => ({ total }))
        .sink('totals', world.sink)
      keyed
        .aggregate('stats', { n: count() }, { ttl: { after: '2h', refresh: 'read-and-write' } })
        .map(({ n }) => ({ n }))
        .sink('stats-out', world.sink)
    })
    const rows = async (...records: (readonly [string, number])[]) =>
      new Set((await world.run(job, records)).map((row) => JSON.stringify(row)))
    const expected = (total: number, n: number) => new Set([{ total }, { n }].map((row) => JSON.stringify(row)))
    assert.deepEqual(await rows(['a', 1]), expected(1, 1))
    world.passTime(0.7 * HOUR_MS)
    assert.deepEqual(await rows(['a', 1]), expected(2, 2))
    world.passTime(0.7 * HOUR_MS)
    assert.deepEqual(await rows(['a', 1]), expected(3, 3))
    world.passTime(1.1 * HOUR_MS)
    assert.deepEqual(await rows(['a', 1]), expected(1, 4))
    world.passTime(3 * HOUR_MS)
    assert.deepEqual(await rows(['a', 5]), expected(5, 1))
  })

  test('reads state that an older job has left, and refuses to go back', async () => {
    const world = new World<number>()
    const older = defineJob('versions', (builder) => {
      builder
        .source('in', world.source)
        .keyByRecordKey()
        .process('p', {
          state: { seen: valueState(() => 0) },
          onRecord(n, { state }) {
            state.seen.set(state.seen.get() + n)
            return [state.seen.get()]
          },
        })
        .sink('out', world.sink)
    })
    const newer = defineJob('versions', (builder) => {
      builder
        .source('in', world.source)
        .keyByRecordKey()
        .process('p', {
          state: { seen: valueState(() => ({ sum: 0 }), { version: 2, migrations: { 1: (old: number) => ({ sum: old }) } }) },
          onRecord(n, { state }) {
            state.seen.set({ sum: state.seen.get().sum + n })
            return [state.seen.get()]
          },
        })
        .sink('out', world.sink)
    })
    assert.deepEqual(
      await world.run(older, [
        ['a', 1],
        ['b', 2],
      ]),
      [1, 2],
    )
    assert.deepEqual(await world.run(newer, [['a', 10]]), [{ sum: 11 }])
    await assert.rejects(world.run(older, [['a', 0]]), {
      code: 'MR_STATE_INCOMPATIBLE',
      message: /p\/seen.*version 2.*older.*version 1/,
    })
    assert.deepEqual(
      await world.run(newer, [
        ['b', 10],
        ['a', 10],
      ]),
      [{ sum: 11 }, { sum: 12 }, { sum: 21 }],
    )
  })

  test('fails with place and cause when code fails that waited for state', async () => {
    const world = new World<number>()
    const job = defineJob('failing', (builder) => {
      builder
        .source('in', world.source)
        .keyByRecordKey()
        .process('p', {
          state: { all: mapState<string, number>() },
          reads: { all: () => [] },
          async onRecord(n, { state }) {
            await state.all.load('a')
            if (n === 3) throw new Error('no threes')
          },
        })
        .sink('out', world.sink)
    })
    const failed = await world
      .run(job, [
        ['a', 1],
        ['a', 3],
        ['a', 5],
      ])
      .catch((error: MillraceError) => error)
    assert.equal((failed as MillraceError).code, 'MR_USER_CODE_FAILED')
    assert.match((failed as MillraceError).message, /no threes.*in\/0 at position 1/)
  })
})
