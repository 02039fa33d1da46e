import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fixedBytes, LEAST_SHARES } from '../../config/memory-needs.ts'
import { IDLE, loaded } from './memory-report.fixture.ts'
import { MEMORY_USES, type Measured, type MemoryReport, type MemoryUse } from './memory-report.ts'
import { ProcessShares } from './process-shares.ts'

const MIB = 2 ** 20
const LEAST = LEAST_SHARES.cache + LEAST_SHARES.overlay + LEAST_SHARES.fetch

function processOf(workers: number, perWorker = 300 * MIB) {
  const config = { workers, stateBackend: 'rocksdb' } as const
  const memoryBudget = fixedBytes(config) + workers * perWorker
  return new ProcessShares({ ...config, memoryBudget })
}

const shareOf = (shares: ProcessShares, slot: number, use: MemoryUse) => shares.given(slot).shares.get(use)!
const totalOf = (shares: ProcessShares, slot: number) => MEMORY_USES.reduce((sum, use) => sum + shareOf(shares, slot, use), 0)

/** Rounds in which each worker tells the same in each. */
function rounds(shares: ProcessShares, count: number, reports: readonly ((slot: number) => Measured)[], resident = 0): void {
  for (let round = 0; round < count; round++) {
    for (const [slot, report] of reports.entries()) shares.report(slot, report(slot))
    shares.look(resident)
  }
}

const idle = () => IDLE

test('workers begin with equal parts of one sum', () => {
  const shares = processOf(4)
  for (const use of MEMORY_USES) {
    const all = [0, 1, 2, 3].map((slot) => shareOf(shares, slot, use))
    assert.equal(new Set(all).size, 1)
  }
  assert.ok(shares.givenBytes <= shares.sharedBytes)
})

test('a worker that is idle gives to one that is loaded, and gets it back when the load moves', () => {
  const shares = processOf(2)
  const begun = totalOf(shares, 0)
  // Just below where the sum would grow.
  const resident = 0.9 * shares.budgetBytes
  const busy = (slot: number) => loaded(shareOf(shares, slot, 'cache'))
  rounds(shares, 30, [busy, idle], resident)
  assert.ok(totalOf(shares, 0) > 1.6 * begun, `${totalOf(shares, 0) / MIB} of ${begun / MIB}`)
  // What it fetches ahead it keeps: so it begins at full speed.
  assert.ok(totalOf(shares, 1) <= LEAST + 8 * MIB, `${totalOf(shares, 1) / MIB}`)
  rounds(shares, 60, [idle, busy], resident)
  assert.ok(totalOf(shares, 1) > 1.6 * begun, `${totalOf(shares, 1) / MIB} of ${begun / MIB}`)
  assert.ok(totalOf(shares, 0) < begun / 2)
})

test('between two that are loaded the one that gains more has more', () => {
  const shares = processOf(2)
  const busy = (misses: number) => (slot: number) => loaded(shareOf(shares, slot, 'cache'), misses)
  rounds(shares, 60, [busy(40_000), busy(4_000)], 0.9 * shares.budgetBytes)
  assert.ok(shareOf(shares, 0, 'cache') > 2 * shareOf(shares, 1, 'cache'))
  assert.ok(shareOf(shares, 1, 'cache') >= LEAST_SHARES.cache)
})

test('one figure of resident memory steers them all, and the idle ones give first', () => {
  const shares = processOf(2)
  const before = [0, 1].map((slot) => totalOf(shares, slot))
  const busy = (slot: number): MemoryReport => ({ ...loaded(shareOf(shares, slot, 'cache')), usedBytes: totalOf(shares, slot) })
  rounds(shares, 1, [busy, idle], 1.1 * shares.budgetBytes)
  assert.ok(totalOf(shares, 1) < before[1]!)
  assert.ok(shares.givenBytes <= shares.sharedBytes)
  assert.ok(shares.sharedBytes < before[0]! + before[1]!)
  assert.equal(shares.given(0).residentBytes, shares.residentBytes)
})

test('a worker that is gone, or does not answer for long, gives to others and keeps its minimums', () => {
  const shares = processOf(3)
  const busy = (slot: number) => loaded(shareOf(shares, slot, 'cache'))
  const resident = 0.9 * shares.budgetBytes
  rounds(shares, 1, [busy, busy, busy], resident)
  const before = totalOf(shares, 1)
  // What it said counts for some rounds.
  const cacheBefore = shareOf(shares, 1, 'cache')
  rounds(shares, 2, [busy, () => 'unknown', () => 'none'], resident)
  assert.ok(shareOf(shares, 1, 'cache') >= cacheBefore)
  rounds(shares, 60, [busy, () => 'unknown', () => 'none'], resident)
  for (const slot of [1, 2]) assert.ok(totalOf(shares, slot) >= LEAST && totalOf(shares, slot) < before / 2)
  assert.ok(totalOf(shares, 0) > 1.5 * before)
  // Nobody is there: nothing moves.
  const { givenBytes } = shares
  rounds(shares, 5, [() => 'none', () => 'none', () => 'none'], 2 * shares.budgetBytes)
  assert.equal(shares.givenBytes, givenBytes)
})

test('entries of one worker never outgrow the heap of its thread', () => {
  const shares = processOf(2, 4096 * MIB)
  const heapLimitBytes = 6144 * MIB
  const busy = (slot: number) => ({ ...loaded(shareOf(shares, slot, 'cache'), 200_000), heapLimitBytes })
  rounds(shares, 60, [busy, idle])
  assert.ok(shareOf(shares, 0, 'cache') > 1800 * MIB)
  assert.ok(shareOf(shares, 0, 'cache') + shareOf(shares, 0, 'overlay') <= 0.6 * heapLimitBytes)
})

const amount = (max: number) => fc.double({ min: 0, max, noNaN: true })
const anyReport: fc.Arbitrary<MemoryReport> = fc.record({
  cache: fc.record({
    usedBytes: fc.integer({ min: 0, max: 1024 * MIB }),
    capacityBytes: fc.integer({ min: MIB, max: 1024 * MIB }),
    hitsPerSecond: amount(1e6),
    ghostHitsPerSecond: amount(1e5),
    ghostBytes: fc.integer({ min: 0, max: 1024 * MIB }),
    missSeconds: amount(1e-3),
  }),
  overlay: fc.record({
    fillBytesPerSecond: amount(1e8),
    intervalSeconds: fc.double({ min: 0.1, max: 600, noNaN: true }),
    durationSeconds: amount(60),
    checkpointSeconds: amount(1),
  }),
  fetch: fc.record({ budgetBytes: fc.integer({ min: 2 * MIB, max: 256 * MIB }), starvedShare: amount(1) }),
  usedBytes: fc.integer({ min: 0, max: 1024 * MIB }),
  heapLimitBytes: fc.integer({ min: 64 * MIB, max: 8192 * MIB }),
})
const anyMeasured: fc.Arbitrary<Measured> = fc.oneof(
  { weight: 4, arbitrary: anyReport },
  fc.constantFrom<Measured>('none', 'unknown'),
)

test('whatever the workers tell, the sum stays within the budget, and each keeps its minimums', () => {
  const anyRound = fc.record({ measured: fc.array(anyMeasured, { minLength: 5, maxLength: 5 }), resident: amount(2) })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(anyRound, { maxLength: 12 }), (workers, all) => {
      const shares = processOf(workers)
      const most = shares.budgetBytes - fixedBytes({ workers, stateBackend: 'rocksdb' })
      for (const { measured, resident } of all) {
        for (let slot = 0; slot < workers; slot++) shares.report(slot, measured[slot]!)
        shares.look(resident * shares.budgetBytes)
        assert.ok(shares.givenBytes <= shares.sharedBytes && shares.sharedBytes <= most)
        for (let slot = 0; slot < workers; slot++) {
          for (const use of MEMORY_USES) assert.ok(shareOf(shares, slot, use) >= LEAST_SHARES[use], use)
        }
      }
    }),
  )
})
