import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../common/clock.ts'
import { IDLE, loaded } from '../planning/memory/memory-report.fixture.ts'
import type { GivenMemory, Measured } from '../planning/memory/memory-report.ts'
import { MemorySharing, type SharingWorker } from './memory-sharing.ts'

const MIB = 2 ** 20

class FakeWorker implements SharingWorker {
  readonly given: GivenMemory[] = []
  measured: (cacheBytes: number) => Measured | Promise<Measured> = () => IDLE

  measure(): Measured | Promise<Measured> {
    return this.measured(this.cacheBytes)
  }

  take(given: GivenMemory): void {
    this.given.push(given)
  }

  get cacheBytes(): number {
    return this.given.at(-1)?.shares.get('cache') ?? 0
  }
}

function scene(workers: number) {
  const config = { workers, stateBackend: 'rocksdb', memoryBudget: (96 + workers * 400) * MIB } as const
  let ended = 0
  let tick: () => void = () => {}
  const every = (_ms: number, run: () => void) => {
    tick = run
    return () => void ended++
  }
  const residentBytes = () => 0.9 * config.memoryBudget
  const sharing = new MemorySharing({ config, clock: { ...systemClock, every }, residentBytes })
  return { sharing, tick: () => tick(), ended: () => ended }
}

test('a worker is given its shares when it comes, and in each round', async () => {
  const { sharing, ended } = scene(2)
  const [first, second] = [new FakeWorker(), new FakeWorker()]
  sharing.join(0, first)
  sharing.join(1, second)
  assert.deepEqual(first.given[0]?.shares, second.given[0]?.shares)
  first.measured = loaded
  for (let round = 0; round < 20; round++) await sharing.round()
  assert.equal(first.given.length, 21)
  assert.ok(first.cacheBytes > 2 * second.cacheBytes)
  const last = first.given.at(-1)
  assert.equal(last?.residentBytes, 0.9 * (96 + 800) * MIB)
  assert.ok(last.meanCacheBytes < last.sharedBytes / 2)
  sharing.stop()
  assert.equal(ended(), 1)
})

test('a worker that has died gives to the others, and the one in its place begins with what is left', async () => {
  const { sharing } = scene(2)
  const [first, second, third] = [new FakeWorker(), new FakeWorker(), new FakeWorker()]
  first.measured = loaded
  second.measured = loaded
  sharing.join(0, first)
  const leave = sharing.join(1, second)
  await sharing.round()
  const before = second.cacheBytes
  leave()
  for (let round = 0; round < 5; round++) await sharing.round()
  assert.equal(second.cacheBytes, before)
  assert.ok(first.cacheBytes > before)
  sharing.join(1, third)
  assert.ok(third.cacheBytes > 0 && third.cacheBytes < before)
  third.measured = loaded
  for (let round = 0; round < 30; round++) await sharing.round()
  assert.ok(third.cacheBytes > 0.9 * before, `${third.cacheBytes} of ${before}`)
})

test('a round that waits for an answer is not begun again, and what a dead worker told is not counted', async () => {
  const { sharing, tick } = scene(2)
  const [first, second] = [new FakeWorker(), new FakeWorker()]
  const answer = Promise.withResolvers<Measured>()
  let asked = 0
  first.measured = () => {
    asked++
    return answer.promise
  }
  const leave = sharing.join(0, first)
  sharing.join(1, second)
  tick()
  tick()
  assert.equal(asked, 1)
  leave()
  const cacheBefore = second.cacheBytes
  answer.resolve(loaded(50 * MIB, 1e6))
  await systemClock.turn()
  assert.equal(first.given.length, 1)
  assert.equal(second.given.length, 2)
  assert.equal(second.cacheBytes, cacheBefore)
})
