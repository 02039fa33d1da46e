/**
 * The re-keying job, whose code takes its thread with it, or never returns: once for each file that DIE_FOLDER holds,
 * named `<fault>`, which the thread deletes first.
 */
import { unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { defineJob, valueState } from 'millrace'
import { json, kafkaSink, kafkaSource } from 'millrace/kafka'

interface Transfer {
  readonly account: string
  readonly amount: number
  readonly lane: number
  readonly seq: number
}

const { IN_TOPIC = 'in', OUT_TOPIC = 'out', DIE_FOLDER = '' } = process.env

const FAULTS: Readonly<Record<string, () => void>> = {
  throw: () => void setImmediate(() => undefined_is_not_a_function()),
  reject: () => void Promise.reject(new RangeError('nobody catches this')),
  exit: () => process.exit(3),
  memory: () => {
    const held: number[][] = []
    for (;;) held.push(new Array<number>(1_000_000).fill(held.length + 0.5))
  },
  // Hears no stop, and no heartbeat leaves it.
  loop: () => {
    for (;;);
  },
  // This one is the job's own failure: caught, and told in the log.
  fail: () => {
    throw new Error('user code says no')
  },
}

function undefined_is_not_a_function(): void {
  throw new TypeError('late in user code')
}

/** One thread gets the file, and only that one. */
function dieIfAsked(): void {
  for (const [fault, die] of Object.entries(FAULTS)) {
    try {
      unlinkSync(join(DIE_FOLDER, fault))
    } catch {
      continue
    }
    die()
  }
}

let records = 0

export default defineJob('rekey', (job) => {
  job
    .source('transfers', kafkaSource({ topic: IN_TOPIC, value: json<Transfer>() }))
    .keyBy((transfer) => transfer.account)
    .process('totals', {
      state: { total: valueState(() => ({ count: 0, sum: 0 })) },
      onRecord({ amount, lane, seq }, { key, state }) {
        if (DIE_FOLDER !== '' && records++ % 100 === 0) dieIfAsked()
        const { count, sum } = state.total.get()
        const total = { count: count + 1, sum: sum + amount }
        state.total.set(total)
        return [{ account: key, ...total, lane, seq }]
      },
    })
    .sink('updates', kafkaSink({ topic: OUT_TOPIC, key: (row) => row.account, value: json() }))
})
