/** Running count and sum per account, over an exchange: every update out, with where its record came from. */
import { defineJob, valueState } from 'millrace'
import { json, kafkaSink, kafkaSource } from 'millrace/kafka'

/** `lane` and `seq`: which input partition the record is in, and the how-manieth there. */
interface Transfer {
  readonly account: string
  readonly amount: number
  readonly lane: number
  readonly seq: number
}

const { IN_TOPIC = 'in', OUT_TOPIC = 'out' } = process.env

export default defineJob('rekey', (job) => {
  job
    .source('transfers', kafkaSource({ topic: IN_TOPIC, value: json<Transfer>() }))
    .keyBy((transfer) => transfer.account)
    .process('totals', {
      state: { total: valueState(() => ({ count: 0, sum: 0 })) },
      onRecord({ amount, lane, seq }, { key, state }) {
        const { count, sum } = state.total.get()
        const total = { count: count + 1, sum: sum + amount }
        state.total.set(total)
        return [{ account: key, ...total, lane, seq }]
      },
    })
    .sink('updates', kafkaSink({ topic: OUT_TOPIC, key: (row) => row.account, value: json() }))
})
