/** Running count and sum per key, every update out: what the kill tests hold against their model. */
import { count, defineJob, sum } from 'millrace'
import { json, kafkaSink, kafkaSource } from 'millrace/kafka'

interface Payment {
  readonly amount: number
}

const { IN_TOPIC = 'in', OUT_TOPIC = 'out' } = process.env

export default defineJob('count', (job) => {
  job
    .source('payments', kafkaSource({ topic: IN_TOPIC, value: json<Payment>() }))
    .keyByRecordKey()
    .aggregate('totals', { count: count(), sum: sum((payment) => payment.amount) })
    .sink('updates', kafkaSink({ topic: OUT_TOPIC, key: (row) => row.key, value: json() }))
})
