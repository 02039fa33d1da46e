import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { runSeed } from './run-seed.ts'
import { SeedPool, seedsByChance } from './seed-pool.ts'

const FROM = Number(process.env.MILLRACE_SIM_FROM ?? 1)
const SEEDS = Number(process.env.MILLRACE_SIM_SEEDS ?? 500)
/** Of one test: each has a time limit of its own. */
const AT_ONCE = 25

describe('whatever goes wrong, all output is committed once and in order, no invariant is broken, and all stop when asked to', () => {
  const pool = new SeedPool()
  after(() => pool.close())
  for (let from = FROM; from < FROM + SEEDS; from += AT_ONCE) {
    const count = Math.min(AT_ONCE, FROM + SEEDS - from)
    test(`seeds ${from} to ${from + count - 1}`, async () => {
      const violations: string[] = []
      await pool.run(seedsByChance(from, count), ({ seed, wrong }) => {
        if (wrong !== undefined) violations.push(`seed ${seed}: ${wrong}`)
      })
      assert.deepEqual(violations, [], 'npm run simulate -- --seed S replays one, with its trace')
    })
  }
})

test('a seed replays exactly', async () => {
  for (const seed of [FROM, FROM + 1, FROM + 2]) {
    const [first, second] = [await runSeed(seed), await runSeed(seed, { keepTrace: true })]
    assert.equal(first.digest, second.digest)
    assert.equal(first.events, second.events)
  }
})
