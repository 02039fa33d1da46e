import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { allocate, type Consumer, type Shares, sumOf, totalGain } from './allocate.ts'
import { anyShape, consumerOf } from './memory.fixture.ts'
import { rebalance } from './rebalance.ts'

const MIB = 2 ** 20
const TOTAL = 400 * MIB

const consumers = (shapes: readonly Parameters<typeof consumerOf>[0][], factors: readonly number[] = []): Consumer[] =>
  shapes.map((shape, i) => {
    const { scale, knee, minimumBytes, room } = shape
    const inBytes = { scale, knee: knee * MIB, minimumBytes: minimumBytes * MIB, room: 10 * room * MIB }
    return consumerOf(inBytes, `c${i}`, factors[i] ?? 1)
  })

const shapes = fc.array(anyShape, { minLength: 2, maxLength: 4 })

function equalShares(all: readonly Consumer[]): Shares {
  const least = all.reduce((sum, { minimumBytes }) => sum + minimumBytes, 0)
  const rest = Math.floor((TOTAL - least) / all.length)
  return new Map(all.map(({ name, minimumBytes }) => [name, minimumBytes + rest]))
}

test('the sum and the minimums are kept in each round, whatever the shares were and the total becomes', () => {
  fc.assert(
    fc.property(shapes, fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 1, maxLength: 8 }), (shapes, totals) => {
      const all = consumers(shapes)
      const least = all.reduce((sum, { minimumBytes }) => sum + minimumBytes, 0)
      let shares = equalShares(all)
      for (const total of totals) {
        shares = rebalance(all, shares, total * MIB)
        assert.ok(sumOf(shares) <= Math.max(total * MIB, least), `${sumOf(shares)} of ${total * MIB}`)
        for (const { name, minimumBytes } of all) assert.ok(shares.get(name)! >= minimumBytes)
      }
    }),
  )
})

test('it comes near the best shares, and then stays', () => {
  fc.assert(
    fc.property(shapes, (shapes) => {
      const all = consumers(shapes)
      let shares = equalShares(all)
      for (let round = 0; round < 60; round++) shares = rebalance(all, shares, TOTAL)
      assert.equal(rebalance(all, shares, TOTAL), shares)
      const best = totalGain(all, allocate(all, TOTAL))
      const least = totalGain(all, new Map(all.map(({ name, minimumBytes }) => [name, minimumBytes])))
      assert.ok(best - totalGain(all, shares) <= Math.max(0.0021, 0.1 * (best - least)))
    }),
  )
})

test('estimates that vary by a tenth make it neither swing nor wander once it has settled', () => {
  const noise = fc.array(fc.double({ min: 0.9, max: 1.1, noNaN: true }), { minLength: 560, maxLength: 560 })
  fc.assert(
    fc.property(shapes, noise, (shapes, noise) => {
      let shares = equalShares(consumers(shapes))
      let moves = 0
      for (let round = 0; round < 140; round++) {
        const next = rebalance(consumers(shapes, noise.slice(4 * round)), shares, TOTAL)
        if (round >= 60 && next !== shares) moves++
        shares = next
      }
      // What is left of settling comes with the estimates that favour it most.
      assert.ok(moves <= 4, `${moves} moves in 80 rounds`)
    }),
    { endOnFailure: true },
  )
})

test('it moves only for clearly more than it takes', () => {
  const linear = (name: string, perMib: number): Consumer => ({
    name,
    minimumBytes: MIB,
    maximumBytes: TOTAL,
    gain: (bytes) => (perMib * bytes) / MIB,
  })
  const halves = new Map([
    ['a', 200 * MIB],
    ['b', 200 * MIB],
  ])
  assert.equal(rebalance([linear('a', 1), linear('b', 1.2)], halves, TOTAL), halves)
  assert.notEqual(rebalance([linear('a', 1), linear('b', 1.5)], halves, TOTAL), halves)
  // Clearly more, but next to nothing.
  assert.equal(rebalance([linear('a', 0), linear('b', 1e-6)], halves, TOTAL), halves)
})

test('a share changes by a quarter of itself in a round', () => {
  const gains = (name: string, perMib: number): Consumer => ({
    name,
    minimumBytes: MIB,
    maximumBytes: TOTAL,
    gain: (bytes) => (perMib * bytes) / MIB,
  })
  const next = rebalance(
    [gains('a', 0), gains('b', 1)],
    new Map([
      ['a', 200 * MIB],
      ['b', 200 * MIB],
    ]),
    TOTAL,
  )
  assert.deepEqual(Object.fromEntries(next), { a: 150 * MIB, b: 250 * MIB })
})

test('what a small share can not take in a round stays with those that give', () => {
  const linear = (name: string, perMib: number): Consumer => ({
    name,
    minimumBytes: MIB,
    maximumBytes: TOTAL,
    gain: (bytes) => (perMib * bytes) / MIB,
  })
  const next = rebalance(
    [linear('a', 0), linear('b', 1)],
    new Map([
      ['a', 392 * MIB],
      ['b', 8 * MIB],
    ]),
    TOTAL,
  )
  assert.deepEqual(Object.fromEntries(next), { a: 390 * MIB, b: 10 * MIB })
})

test('nobody is made smaller for bytes that nobody would take', () => {
  const enough = (name: string, bytes: number): Consumer => ({
    name,
    minimumBytes: MIB,
    maximumBytes: TOTAL,
    gain: (given) => Math.min(1, given / bytes),
  })
  const all = [enough('a', 20 * MIB), enough('b', 100 * MIB)]
  let shares: Shares = new Map([
    ['a', 350 * MIB],
    ['b', 50 * MIB],
  ])
  for (let round = 0; round < 30; round++) shares = rebalance(all, shares, TOTAL)
  assert.ok(shares.get('b')! >= 90 * MIB)
  assert.ok(shares.get('a')! >= 290 * MIB, `${shares.get('a')! / MIB}`)
})

test('where memory is short the shares shrink at once', () => {
  const all = consumers([
    { scale: 1, knee: 10, minimumBytes: 4, room: 60 },
    { scale: 0.1, knee: 10, minimumBytes: 8, room: 60 },
  ])
  const next = rebalance(all, equalShares(all), 100 * MIB)
  assert.ok(sumOf(next) <= 100 * MIB)
})
