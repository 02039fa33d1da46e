import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judge, type Payment, payments } from './payments.ts'

const input: Payment[] = [...payments(100, 5)]

/** What a perfect job writes. */
function perfect() {
  const state = new Map<string, { count: number; sum: number }>()
  return input.map(({ key, amount }, offset) => {
    const before = state.get(key) ?? { count: 0, sum: 0 }
    const after = { count: before.count + 1, sum: before.sum + amount }
    state.set(key, after)
    const value = Buffer.from(JSON.stringify({ key, ...after }))
    return { partition: 0, offset, timestamp: 0, key: Buffer.from(key), value, headers: [] }
  })
}

test('the judge finds nothing in a perfect output', () => {
  const { missing, doubled, wrong } = judge(input, perfect())
  assert.deepEqual({ missing, doubled, wrong }, { missing: 0, doubled: 0, wrong: 0 })
})

test('the judge sees one lost, one doubled and two swapped updates', () => {
  const output = perfect()
  assert.equal(judge(input, output.toSpliced(50, 1)).missing, 1)
  assert.equal(judge(input, [...output, output[99]!]).doubled, 1)
  const ofKey = output.flatMap((record, i) => (record.key.equals(output[0]!.key) ? [i] : []))
  const swapped = [...output]
  swapped[ofKey[1]!] = output[ofKey[2]!]!
  swapped[ofKey[2]!] = output[ofKey[1]!]!
  assert.ok(judge(input, swapped).wrong > 0)
})
