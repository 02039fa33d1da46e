import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemorySink } from '../testing/memory-sink.ts'
import { MemorySource } from '../testing/memory-source.ts'
import { count, sum } from './aggregates.ts'
import { defineJob } from './define-job.ts'
import { numberKeys } from './number-keys.ts'
import { aggregatingState, listState, mapState, reducingState, valueState } from './state.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function expectType<T>() {
  return <A>(_value: A, _same: Equal<A, T>) => {}
}

interface Order {
  readonly amount: number
  readonly status: 'paid' | 'open'
}

const source = new MemorySource<Order>([[]])

test('types flow through the whole chain', () => {
  defineJob('types', (job) => {
    const rows = job
      .source('orders', source)
      .filter((order) => order.status === 'paid')
      .keyByRecordKey()
      .aggregate('totals', { orders: count(), total: sum((order) => order.amount) })
    rows.map((row) => {
      expectType<string>()(row.key, true)
      expectType<number>()(row.total, true)
      return row
    })
    const alerts = job
      .source('again', source)
      .keyByRecordKey()
      .process('limits', {
        state: { spent: valueState(() => 0), last: valueState<string>() },
        onRecord(order, { key, state }) {
          expectType<string>()(key, true)
          expectType<number>()(state.spent.get(), true)
          expectType<string | undefined>()(state.last.get(), true)
          return order.amount > 10 ? [{ key, amount: order.amount }] : undefined
        },
      })
    alerts.map((alert) => {
      expectType<number>()(alert.amount, true)
      return alert
    })
    alerts.sink('alerts', new MemorySink<{ key: string; amount: number }>())
  })
})

test('types flow through all kinds of state', () => {
  defineJob('state-types', (job) => {
    job
      .source('orders', source)
      .keyByRecordKey()
      .process('all', {
        state: {
          list: listState<number>(),
          names: mapState<string, Date>({ ttl: '1d' }),
          numbers: mapState<number, boolean>({ key: numberKeys }),
          reducing: reducingState((a: number, b) => a + b),
          stats: aggregatingState({ n: count(), total: sum((order: { amount: number }) => order.amount) }),
        },
        reads: { names: (order, key) => [`${key}-${order.status}`], numbers: (order) => [order.amount] },
        async onRecord(order, { state }) {
          expectType<readonly number[]>()(state.list.get(), true)
          expectType<Date | undefined>()(state.names.get('x'), true)
          expectType<boolean | undefined>()(await state.numbers.load(1), true)
          expectType<number | undefined>()(state.reducing.get(), true)
          state.stats.add(order)
          // @ts-expect-error it takes what all of its aggregates take
          state.stats.add({ status: 'paid' })
          expectType<{ readonly n: number; readonly total: number } | undefined>()(state.stats.get(), true)
          return [order.amount]
        },
      })
      .map((amount) => {
        expectType<number>()(amount, true)
        return amount
      })
    job
      .source('again', source)
      .keyByRecordKey()
      .process('wrong', {
        state: { numbers: mapState<number, boolean>({ key: numberKeys }), value: valueState<number>() },
        // @ts-expect-error keys of this map are numbers
        reads: { numbers: (order) => [order.status] },
        onRecord() {},
      })
    // @ts-expect-error text needs no codec, numbers do
    mapState<number, boolean>()
  })
})

describe('a definition is refused', () => {
  test('when two operators have one name', () => {
    const define = () =>
      defineJob('twice', (job) => {
        job.source('a', source)
        job.source('a', source)
      })
    assert.throws(define, { code: 'MR_JOB_DUPLICATE_NAME' })
  })

  test('when a name can not be a name', () => {
    for (const name of ['', 'a/b', '-x', 'ä', 'x'.repeat(101)]) {
      assert.throws(() => defineJob(name, (job) => void job.source('a', source)), { code: 'MR_JOB_INVALID_NAME' })
    }
  })

  test('when it reads nothing', () => {
    assert.throws(() => defineJob('empty', () => {}), { code: 'MR_JOB_WITHOUT_SOURCE' })
  })
})
