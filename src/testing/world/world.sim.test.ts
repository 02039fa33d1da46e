import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runSeed } from './run-seed.ts'

const FROM = Number(process.env.MILLRACE_SIM_FROM ?? 1)
const SEEDS = Number(process.env.MILLRACE_SIM_SEEDS ?? 60)

test('whatever goes wrong, all output is committed once and in order, and everybody stops when asked to', async () => {
  const violations: string[] = []
  for (let seed = FROM; seed < FROM + SEEDS; seed++) {
    const { wrong } = await runSeed(seed)
    if (wrong !== undefined) violations.push(`seed ${seed}: ${wrong}`)
  }
  assert.deepEqual(violations, [], 'npm run simulate -- --seed S replays one, with its trace')
})

test('a seed replays exactly', async () => {
  for (const seed of [FROM, FROM + 1, FROM + 2]) {
    const [first, second] = [await runSeed(seed), await runSeed(seed, { keepTrace: true })]
    assert.equal(first.digest, second.digest)
    assert.equal(first.events, second.events)
  }
})
