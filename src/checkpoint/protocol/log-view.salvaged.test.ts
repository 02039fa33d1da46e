import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ControlRecord } from './control-records.ts'
import { LogView } from './log-view.ts'

/** Only what the view looks at. */
function record(fields: { type: ControlRecord['type'] } & Record<string, unknown>): ControlRecord {
  return fields as unknown as ControlRecord
}

const claim = (previousEpoch: number) =>
  record({ type: 'epoch-claimed', nonce: '', previousEpoch, members: [], assignment: {}, workers: 1, slots: 4, at: '' })
const salvaged = (epoch: number, lost: string, done: string, rest: string | null = null) =>
  record({
    type: 'transaction-salvaged',
    epoch,
    worker: 'a',
    participant: 'kafka',
    lost,
    done: { id: done },
    rest: rest === null ? null : { id: rest },
  })
const recovered = (epoch: number, settled: string[]) =>
  record({ type: 'epoch-recovered', epoch, restorePoint: null, settled, sources: {}, exchanges: [] })

function fold(view: LogView, ...records: ControlRecord[]): boolean[] {
  return records.map((one) => view.apply(view.nextOffset, one))
}

test('what stands in the place of a lost transaction is remembered over claims, until the epoch has recovered', () => {
  const view = new LogView()
  assert.deepEqual(fold(view, claim(-1), salvaged(0, 't1', 's1', 't1~')), [true, true])
  assert.deepEqual(fold(view, claim(0), salvaged(2, 't1~', 's2')), [true, true])
  assert.deepEqual([...view.salvaged.keys()], ['t1', 't1~'])
  assert.equal(view.salvaged.get('t1')?.done.id, 's1')
  fold(view, recovered(2, ['t1']))
  assert.equal(view.salvaged.size, 0)
  assert.ok(view.settled.has('t1'))
})

test('the first salvage of a transaction stands', () => {
  const view = new LogView()
  assert.deepEqual(fold(view, claim(-1), salvaged(0, 't1', 's1'), salvaged(0, 't1', 's2')), [true, true, false])
  assert.equal(view.salvaged.get('t1')?.done.id, 's1')
})

test('a salvage is void of an older epoch, before any claim, and once the epoch has recovered', () => {
  const view = new LogView()
  assert.deepEqual(fold(view, salvaged(-1, 't1', 's1'), claim(-1), claim(1)), [false, true, true])
  assert.deepEqual(fold(view, salvaged(1, 't1', 's1'), recovered(2, []), salvaged(2, 't1', 's1')), [false, true, false])
  assert.equal(view.salvaged.size, 0)
})
