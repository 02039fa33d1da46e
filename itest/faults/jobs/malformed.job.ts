/** The count job over a topic in which some values are no JSON; ON_MALFORMED says what becomes of them. */
import { count, defineJob, sum } from 'millrace'
import { json, kafkaSink, kafkaSource } from 'millrace/kafka'

interface Payment {
  readonly amount: number
}

const { IN_TOPIC = 'in', OUT_TOPIC = 'out', ON_MALFORMED = 'fail' } = process.env
const onMalformed = ON_MALFORMED === 'fail' || ON_MALFORMED === 'skip' ? ON_MALFORMED : { deadLetterTopic: ON_MALFORMED }

export default defineJob('malformed', (job) => {
  job
    .source('payments', kafkaSource({ topic: IN_TOPIC, value: json<Payment>(), onMalformed }))
    .keyByRecordKey()
    .aggregate('totals', { count: count(), sum: sum((payment) => payment.amount) })
    .sink('updates', kafkaSink({ topic: OUT_TOPIC, key: (row) => row.key, value: json() }))
})
