/** The count job with values of 4 KB and headers: a transaction of some thousand records is salvaged in several parts. */
import { count, defineJob, sum } from 'millrace'
import { json, kafkaSink, kafkaSource } from 'millrace/kafka'

interface Payment {
  readonly amount: number
}

const { IN_TOPIC = 'in', OUT_TOPIC = 'out' } = process.env
const PADDING = '.'.repeat(4 * 1024)

export default defineJob('count', (job) => {
  job
    .source('payments', kafkaSource({ topic: IN_TOPIC, value: json<Payment>() }))
    .keyByRecordKey()
    .aggregate('totals', { count: count(), sum: sum((payment) => payment.amount) })
    .map((row) => ({ ...row, padding: PADDING }))
    .sink(
      'updates',
      kafkaSink({ topic: OUT_TOPIC, key: (row) => row.key, value: json(), headers: (row) => ({ count: `${row.count}` }) }),
    )
})
