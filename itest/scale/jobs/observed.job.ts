/**
 * The re-keying job, with code that does and tells what its environment says:
 * - FAIL_FILE: while this file exists, the code that keeps the totals throws;
 * - VARIANT: another one makes it another graph, with the same state.
 *
 * When its process ends, even by itself, it prints how many transfers and updates its code has seen.
 */
import { existsSync, writeSync } from 'node:fs'
import { defineJob, valueState } from 'millrace'
import { json, kafkaSink, kafkaSource } from 'millrace/kafka'

interface Transfer {
  readonly account: string
  readonly amount: number
  readonly lane: number
  readonly seq: number
}

const { IN_TOPIC = 'in', OUT_TOPIC = 'out', FAIL_FILE = '', VARIANT = '' } = process.env

let transfers = 0
let updates = 0

process.on('exit', () => {
  if (transfers + updates > 0) writeSync(1, `${JSON.stringify({ event: 'seen', transfers, updates })}\n`)
})

export default defineJob('observed', (job) => {
  const source = job.source('transfers', kafkaSource({ topic: IN_TOPIC, value: json<Transfer>() })).map((transfer) => {
    transfers++
    return transfer
  })
  const input = VARIANT === '' ? source : source.filter(() => true)
  input
    .keyBy((transfer) => transfer.account)
    .process('totals', {
      state: { total: valueState(() => ({ count: 0, sum: 0 })) },
      onRecord({ amount, lane, seq }, { key, state }) {
        if (FAIL_FILE !== '' && existsSync(FAIL_FILE)) throw new Error('the bank is closed')
        updates++
        const { count, sum } = state.total.get()
        const total = { count: count + 1, sum: sum + amount }
        state.total.set(total)
        return [{ account: key, ...total, lane, seq }]
      },
    })
    .sink('updates', kafkaSink({ topic: OUT_TOPIC, key: (row) => row.account, value: json() }))
})
