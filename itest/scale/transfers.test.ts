/** The test of the test: what the judge of the re-keying job sees. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accountOf, amountOf, perfect, TransferJudge, type Verdict } from './transfers.ts'

const ACCOUNTS = 3
const WRITTEN = [40, 40]

interface Row {
  account: string
  count: number
  sum: number
  lane: number
  seq: number
}

/** What a perfect job writes, the input partitions taken in turns. */
function perfectRows(): Row[] {
  const totals = new Map<string, { count: number; sum: number }>()
  const rows: Row[] = []
  for (let seq = 0; seq < 40; seq++) {
    for (const lane of WRITTEN.keys()) {
      const account = accountOf(lane, seq, ACCOUNTS)
      const { count, sum } = totals.get(account) ?? { count: 0, sum: 0 }
      const total = { count: count + 1, sum: sum + amountOf(lane, seq) }
      totals.set(account, total)
      rows.push({ account, ...total, lane, seq })
    }
  }
  return rows
}

function verdictOn(rows: readonly Row[]): Verdict {
  const judge = new TransferJudge(ACCOUNTS)
  for (const [offset, row] of rows.entries()) judge.take({ value: Buffer.from(JSON.stringify(row)), partition: 0, offset })
  return judge.verdict(WRITTEN)
}

/** A row, and the next of its account behind it. */
function neighbours(rows: readonly Row[]): [number, number] {
  const first = 20
  return [first, rows.findIndex(({ account }, i) => i > first && account === rows[first]!.account)]
}

test('every update once, in order, is perfect', () => {
  assert.deepEqual(verdictOn(perfectRows()), perfect(WRITTEN))
})

test('accounts may overtake one another', () => {
  const rows = perfectRows().sort((one, other) => one.account.localeCompare(other.account) || one.count - other.count)
  assert.deepEqual(verdictOn(rows), perfect(WRITTEN))
})

test('a missing update is seen, in the middle and at the end', () => {
  for (const at of [30, 79]) {
    const verdict = verdictOn(perfectRows().filter((_, i) => i !== at))
    assert.equal(verdict.missing, 1)
    assert.match(verdict.example ?? '', at === 79 ? /is missing/ : /came at/)
  }
})

test('a missing record whose account goes on as if it had never been is seen', () => {
  const rows = perfectRows()
  const [at] = neighbours(rows)
  const { account, lane, seq } = rows[at]!
  const without = rows.filter((_, i) => i !== at)
  for (const row of without.slice(at)) {
    if (row.account !== account) continue
    row.count--
    row.sum -= amountOf(lane, seq)
  }
  assert.deepEqual(verdictOn(without), {
    ...perfect(WRITTEN),
    updates: 79,
    missing: 1,
    example: `${lane}/${seq} of ${account} is missing`,
  })
})

test('a doubled update is seen, repeated as it is or counted anew', () => {
  const rows = perfectRows()
  const [at] = neighbours(rows)
  assert.equal(verdictOn(rows.toSpliced(at + 1, 0, rows[at]!)).doubled, 1)
  const anew = { ...rows[at]!, count: rows[at]!.count + 1, sum: rows[at]!.sum + amountOf(rows[at]!.lane, rows[at]!.seq) }
  const verdict = verdictOn(rows.toSpliced(at + 1, 0, anew))
  assert.equal(verdict.doubled, 1)
  assert.match(verdict.example ?? '', /comes twice/)
})

test('two swapped updates of an account are seen', () => {
  const rows = perfectRows()
  const [one, other] = neighbours(rows)
  const swapped = rows.with(one, rows[other]!).with(other, rows[one]!)
  const { wrong, missing, doubled } = verdictOn(swapped)
  assert.ok(wrong > 0)
  assert.deepEqual([missing, doubled], [0, 0])
})

test('records that overtook each other before they were counted are seen', () => {
  const rows = perfectRows()
  const account = rows[20]!.account
  const at = rows.findIndex((row, i) => i > 20 && row.account === account)
  const sameLane = rows.findIndex((row, i) => i > at && row.account === account && row.lane === rows[at]!.lane)
  const { lane, seq: early } = rows[at]!
  const late = rows[sameLane]!.seq
  // All of the account's between them are left as they are, but their sums follow the records as they came.
  const difference = amountOf(lane, late) - amountOf(lane, early)
  const overtaken = rows.map((row, i) => {
    if (i === at) return { ...row, seq: late, sum: row.sum + difference }
    if (i === sameLane) return { ...row, seq: early }
    return i > at && i < sameLane && row.account === account ? { ...row, sum: row.sum + difference } : row
  })
  const { wrong, missing, doubled } = verdictOn(overtaken)
  assert.deepEqual({ wrong, missing, doubled }, { wrong: 1, missing: 0, doubled: 0 })
})

test('a wrong sum is seen', () => {
  const rows = perfectRows()
  assert.ok(verdictOn(rows.with(20, { ...rows[20]!, sum: rows[20]!.sum + 1 })).wrong > 0)
})

test('an update of no record is seen', () => {
  const rows = perfectRows()
  const alien = { ...rows[79]!, lane: 7, seq: 3 }
  assert.ok(verdictOn([...rows, alien]).wrong > 0)
})
