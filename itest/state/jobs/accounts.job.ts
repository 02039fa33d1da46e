/** Keeps state of several kinds on both sides of an exchange; one has a codec of its own. */
import { count, defineJob, mapState, numberKeys, sum, type ValueCodec, valueState } from 'millrace'
import { json, kafkaSink, kafkaSource } from 'millrace/kafka'

interface Payment {
  readonly amount: number
}

/** The second version has another number of partitions, and keeps no `most`. */
const { IN_TOPIC = 'in', OUT_TOPIC = 'out', PARTITIONS = '3', VERSION = '1' } = process.env

/** Digits in reverse. */
const reversed: ValueCodec<number> = {
  name: 'reversed',
  version: 1,
  encode: (value, out) => out.bytes(Buffer.from([...String(value)].reverse().join(''))),
  decode: (buffer, start, end) => Number([...buffer.toString('latin1', start, end)].reverse().join('')),
}

export default defineJob('accounts', (job) => {
  job
    .source('payments', kafkaSource({ topic: IN_TOPIC, value: json<Payment>() }))
    .keyByRecordKey()
    .process('accounts', {
      state: {
        last: valueState<{ readonly amount: number; readonly payments: number }>(),
        ...(VERSION === '1' && { most: valueState<number>({ codec: reversed }) }),
        amounts: mapState<number, number>({ key: numberKeys }),
      },
      onRecord({ amount }, { state }) {
        const { last, most, amounts } = state
        last.set({ amount, payments: (last.get()?.payments ?? 0) + 1 })
        most?.set(Math.max(most.get() ?? 0, amount))
        const group = amount % 7
        amounts.set(group, (amounts.get(group) ?? 0) + 1)
        return [{ bucket: `b${amount % 50}`, amount }]
      },
    })
    .keyBy(({ bucket }) => bucket, { name: 'by-bucket', partitions: Number(PARTITIONS) })
    .aggregate('totals', { count: count(), sum: sum(({ amount }) => amount) })
    .sink('updates', kafkaSink({ topic: OUT_TOPIC, key: (row) => row.key, value: json() }))
})
