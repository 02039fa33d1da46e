import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OutputTotals, Totals } from './totals.ts'
import { Workload } from './workload.ts'

const KEYS = 7
const RECORDS = 1_000
const workload = new Workload(KEYS)

function expected(): Totals {
  const totals = new Totals(KEYS)
  totals.add(workload, 0, RECORDS)
  return totals
}

/** The updates of a right run, by record. */
function updates() {
  const counts = new Map<number, number>()
  const sums = new Map<number, number>()
  return Array.from({ length: RECORDS }, (_, record) => {
    const { word, amount } = JSON.parse(workload.valueOf(record)) as { word: string; amount: number }
    const index = workload.wordOf(record)
    assert.equal(word, `w${index}`)
    assert.equal(Math.round(amount * 100), workload.centsOf(record))
    counts.set(index, (counts.get(index) ?? 0) + 1)
    sums.set(index, (sums.get(index) ?? 0) + amount)
    return { word, count: counts.get(index)!, sum: sums.get(index)! }
  })
}

function read(all: ReturnType<typeof updates>): OutputTotals {
  const output = new OutputTotals(KEYS)
  for (const update of all) output.take(update)
  return output
}

test('right output has every record once and no wrong key', () => {
  const output = read(updates())
  assert.deepEqual([output.accounted, output.repeatedOrMissing, output.wrongKeys(expected())], [RECORDS, 0, 0])
})

test('a doubled, a missing and a wrong update are seen', () => {
  const right = updates()
  assert.equal(read([...right.slice(0, 500), right[499]!, ...right.slice(500)]).repeatedOrMissing, 1)
  assert.equal(read(right.toSpliced(500, 1)).repeatedOrMissing, 1)
  const last = right.findLastIndex(({ word }) => word === 'w3')
  assert.equal(read(right.toSpliced(last, 1, { ...right[last]!, sum: 0 })).wrongKeys(expected()), 1)
  assert.equal(read(right.toSpliced(last, 1)).accounted, RECORDS - 1)
})

test('words are spread evenly, or come each once', () => {
  assert.ok(expected().counts.every((count) => count > RECORDS / KEYS / 2))
  const each = new Totals(KEYS)
  each.add(new Workload(KEYS, 'each-once'), 0, KEYS)
  assert.ok(each.counts.every((count) => count === 1))
})
