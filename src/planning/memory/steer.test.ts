import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Steering, steer } from './steer.ts'

const MIB = 2 ** 20
const BUDGET = 1_000 * MIB
const BOUNDS = { budgetBytes: BUDGET, leastBytes: 14 * MIB, mostBytes: 900 * MIB }

/** A process whose memory is a base and a multiple of what it uses of its shares; rounds of it. */
function run(base: number, slack: number, rounds: number) {
  let state: Steering = { sharedBytes: 500 * MIB, pause: 0 }
  const seen: { residentBytes: number; sharedBytes: number }[] = []
  for (let round = 0; round < rounds; round++) {
    const residentBytes = base + slack * state.sharedBytes
    seen.push({ residentBytes, sharedBytes: state.sharedBytes })
    state = steer(state, { ...BOUNDS, residentBytes, usedBytes: state.sharedBytes })
  }
  return seen
}

test('whatever its entries really take, the process comes to lie within its budget, and stays so', () => {
  fc.assert(
    fc.property(fc.integer({ min: 20 * MIB, max: 600 * MIB }), fc.double({ min: 1, max: 4, noNaN: true }), (base, slack) => {
      const seen = run(base, slack, 300)
      const late = seen.slice(-100)
      for (const { residentBytes } of late) assert.ok(residentBytes <= BUDGET)
      assert.equal(new Set(late.map(({ sharedBytes }) => sharedBytes)).size, 1)
    }),
  )
})

test('it grows where there is room and what it has is used up, to its bound', () => {
  assert.equal(run(10 * MIB, 0.5, 200).at(-1)?.sharedBytes, 900 * MIB)
  const idle = steer({ sharedBytes: 100 * MIB, pause: 0 }, { ...BOUNDS, residentBytes: 200 * MIB, usedBytes: 10 * MIB })
  assert.equal(idle.sharedBytes, 100 * MIB)
})

test('memory that is given back late makes it shrink no further meanwhile', () => {
  const facts = { ...BOUNDS, residentBytes: 1_250 * MIB, usedBytes: 500 * MIB }
  const first = steer({ sharedBytes: 500 * MIB, pause: 0 }, facts)
  assert.equal(first.sharedBytes, 400 * MIB)
  let state = first
  for (let round = 0; round < 5; round++) state = steer(state, facts)
  assert.equal(state.sharedBytes, 400 * MIB)
  assert.ok(steer(state, facts).sharedBytes < 400 * MIB)
})

test('it never goes below the least', () => {
  let state: Steering = { sharedBytes: 100 * MIB, pause: 0 }
  for (let round = 0; round < 200; round++) state = steer(state, { ...BOUNDS, residentBytes: 4 * BUDGET, usedBytes: 0 })
  assert.equal(state.sharedBytes, 14 * MIB)
})
