/**
 * Running count and sum per account, over an exchange, with other state beside it: two releases of a job.
 *
 * - RELEASE=1, the default: the total is `{ count, sum }`; an operator `recent` keeps the last amounts of an account.
 * - RELEASE=2: the total has another shape, by a migration; `recent` is gone; `largest` is new.
 * - PARTITIONS: of the exchange.
 * - REST_EVERY: after so many updates the job rests for some milliseconds, so that records pile up before it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { defineJob, listState, max, valueState } from 'millrace'
import { json, kafkaSink, kafkaSource } from 'millrace/kafka'

interface Transfer {
  readonly account: string
  readonly amount: number
  readonly lane: number
  readonly seq: number
}

interface TotalV1 {
  readonly count: number
  readonly sum: number
}

interface Total {
  readonly n: number
  readonly cents: number
}

const { IN_TOPIC = 'in', OUT_TOPIC = 'out', RELEASE = '1', PARTITIONS, REST_EVERY = '0' } = process.env

let updates = 0

async function rest(): Promise<void> {
  if (REST_EVERY !== '0' && ++updates % Number(REST_EVERY) === 0) await sleep(5)
}

export default defineJob('ledger', (job) => {
  const transfers = job
    .source('transfers', kafkaSource({ topic: IN_TOPIC, value: json<Transfer>() }))
    .keyBy((transfer) => transfer.account, {
      name: 'by-account',
      ...(PARTITIONS === undefined ? {} : { partitions: Number(PARTITIONS) }),
    })
  const output = kafkaSink<{ account: string }>({ topic: OUT_TOPIC, key: (row) => row.account, value: json() })
  if (RELEASE === '1') {
    transfers.process('recent', {
      state: { amounts: listState<number>() },
      onRecord({ amount }, { state }) {
        state.amounts.set([...state.amounts.get(), amount].slice(-5))
      },
    })
    transfers
      .process('totals', {
        state: { total: valueState((): TotalV1 => ({ count: 0, sum: 0 })) },
        async onRecord({ amount, lane, seq }, { key, state }) {
          await rest()
          const { count, sum } = state.total.get()
          const total = { count: count + 1, sum: sum + amount }
          state.total.set(total)
          return [{ account: key, ...total, lane, seq }]
        },
      })
      .sink('updates', output)
    return
  }
  transfers
    .process('totals', {
      state: {
        total: valueState((): Total => ({ n: 0, cents: 0 }), {
          version: 2,
          migrations: { 1: ({ count, sum }: TotalV1): Total => ({ n: count, cents: sum * 100 }) },
        }),
      },
      async onRecord({ amount, lane, seq }, { key, state }) {
        await rest()
        const { n, cents } = state.total.get()
        const total = { n: n + 1, cents: cents + amount * 100 }
        state.total.set(total)
        return [{ account: key, count: total.n, sum: total.cents / 100, lane, seq }]
      },
    })
    .sink('updates', output)
  transfers.aggregate('largest', { amount: max((transfer) => transfer.amount) })
})
