import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../common/clock.ts'
import { silentLogger } from '../common/logger.ts'
import { layerOfJob } from '../config/layers.ts'
import { resolveConfig } from '../config/resolve.ts'
import { sumOf } from '../planning/memory/allocate.ts'
import { ProcessShares } from '../planning/memory/process-shares.ts'
import { WorkerMemory } from './worker-memory.ts'
import { WorkerStatus } from './worker-status.ts'

const MIB = 2 ** 20
const BUDGET = 512 * MIB

/** A worker that is told what it does, and a process whose memory is what it is said to be. */
class Scene {
  nowMs = 0
  residentBytes = 300 * MIB
  usedBytes = 0
  overlayBytes = 0
  readonly status = new WorkerStatus()
  readonly memory: WorkerMemory
  readonly process: ProcessShares
  changes = 0

  constructor() {
    const job = { appId: 'a', brokers: 'a:1', checkpoints: 'file:c', memoryBudget: BUDGET }
    const { config } = resolveConfig([layerOfJob(job)])
    const clock = { ...systemClock, monotonicMs: () => this.nowMs }
    this.process = new ProcessShares(config)
    const heapLimitBytes = 4096 * MIB
    this.memory = new WorkerMemory({ config, status: this.status, clock, logger: silentLogger, heapLimitBytes })
    this.status.beginEpoch({ workers: 1, intervalMs: 10_000 }, 0)
    this.status.checkpoints.lastDurationMs = 500
    const scene = this
    const state = {
      cache: {
        get usedBytes() {
          return scene.usedBytes
        },
      },
      get overlayBytes() {
        return scene.overlayBytes
      },
    }
    const sources = { has: () => true, lag: () => new Map() }
    this.status.observe({ state, tasks: { sources }, backend: {} } as never)
    this.memory.begin(() => void this.changes++)
  }

  /** Rounds of five seconds, in each of which the worker does the same. */
  rounds(count: number, work: () => void): void {
    for (let round = 0; round < count; round++) {
      work()
      this.nowMs += 5_000
      this.process.report(0, this.memory.measure())
      this.process.look(this.residentBytes)
      this.memory.take(this.process.given(0))
      assert.ok(sumOf(this.memory.shares) <= BUDGET)
    }
  }
}

test('the shares begin within the budget, with something for each', () => {
  const { memory } = new Scene()
  assert.ok(sumOf(memory.shares) < BUDGET / 1.5)
  for (const bytes of memory.shares.values()) assert.ok(bytes > 16 * MIB)
  assert.equal(memory.cacheBytes, memory.shareOf('cache') + memory.overlayBytes)
})

test('an overlay that fills up sooner than the interval takes from a cache that is hardly used', () => {
  const scene = new Scene()
  const { memory, status } = scene
  const before = memory.overlayBytes
  scene.rounds(20, () => {
    status.processed('s', 50_000)
    memory.meter.sealedBytes += 5 * 20 * MIB
    scene.usedBytes = 20 * MIB
  })
  assert.ok(memory.overlayBytes > 2 * before, `${memory.overlayBytes / MIB} of ${before / MIB}`)
})

test('a cache that loses what it needs again takes from an overlay that is never filled', () => {
  const scene = new Scene()
  const { memory, status } = scene
  const before = memory.shareOf('cache')
  const keys = Array.from({ length: 20_000 }, (_, i) => `key${i}`)
  scene.rounds(20, () => {
    status.processed('s', 100_000)
    scene.usedBytes = memory.cacheBytes
    memory.meter.misses += keys.length
    memory.meter.loadMs += keys.length / 100
    for (const key of keys) memory.meter.ghosts.evicted(1, key, 300)
    for (const key of keys) memory.meter.ghosts.missed(1, key)
    for (const key of keys) memory.meter.ghosts.evicted(1, key, 300)
  })
  assert.ok(memory.shareOf('cache') > 1.2 * before, `${memory.shareOf('cache') / MIB} of ${before / MIB}`)
  // What it then has does not change any more.
  const settled = memory.shares
  scene.rounds(5, () => status.processed('s', 100_000))
  assert.equal(memory.shares, settled)
})

test('a worker that starves although there is something to read fetches further ahead', () => {
  const scene = new Scene()
  const { memory, status } = scene
  const before = memory.fetchBytes
  scene.rounds(10, () => {
    status.processed('s', 10_000)
    status.load.starvedMs += 2_500
    scene.usedBytes = 5 * MIB
  })
  assert.ok(memory.fetchBytes > 1.5 * before, `${memory.fetchBytes / MIB} of ${before / MIB}`)
})

test('above the budget all shares together shrink, to what the minimums are at the least', () => {
  const scene = new Scene()
  const { memory } = scene
  const before = sumOf(memory.shares)
  scene.residentBytes = 600 * MIB
  scene.usedBytes = before
  scene.rounds(1, () => {})
  assert.ok(sumOf(memory.shares) <= before - 0.19 * before + MIB, `${sumOf(memory.shares) / MIB} of ${before / MIB}`)
  scene.rounds(200, () => {})
  assert.ok(sumOf(memory.shares) < 20 * MIB)
  assert.equal(memory.residentBytes, 600 * MIB)
})

test('the fetchers of an epoch have equal parts of what there is at the moment', () => {
  const { memory } = new Scene()
  const open = memory.shareFetching()
  const first = open()
  assert.equal(first(), memory.fetchBytes)
  const second = open()
  assert.equal(first(), Math.floor(memory.fetchBytes / 2))
  memory.shares = new Map([...memory.shares, ['fetch', 8 * MIB]])
  assert.equal(first() + second(), 8 * MIB)
  // Another epoch opens its own.
  assert.equal(memory.shareFetching()()(), 8 * MIB)
})

test('an idle worker moves nothing', () => {
  const scene = new Scene()
  const { shares } = scene.memory
  scene.rounds(20, () => {})
  assert.equal(scene.memory.shares, shares)
})

test('who runs the epoch is told of shares that have changed, and of none behind its end', () => {
  const scene = new Scene()
  const { memory } = scene
  assert.equal(scene.changes, 1)
  const given = scene.process.given(0)
  const less = (bytes: number) => ({ ...given, shares: new Map([...given.shares, ['cache', bytes] as const]) })
  memory.take(given)
  assert.equal(scene.changes, 1)
  memory.take(less(5 * MIB))
  assert.equal(scene.changes, 2)
  assert.equal(memory.shareOf('cache'), 5 * MIB)
  memory.end()
  memory.take(less(6 * MIB))
  assert.deepEqual([scene.changes, memory.shareOf('cache')], [2, 6 * MIB])
})

test('without an epoch nothing is measured, and of a moment nothing that tells', () => {
  const scene = new Scene()
  const { memory } = scene
  scene.nowMs += 100
  assert.equal(memory.measure(), 'unknown')
  scene.nowMs += 5_000
  assert.equal(typeof memory.measure(), 'object')
  memory.end()
  assert.equal(memory.measure(), 'none')
})
