/**
 * The benchmark's work W1 as a job: running count and sum per word, every update emitted, exactly-once. Its surroundings
 * come from the environment, by the contract that every measured engine follows:
 * KAFKA_BOOTSTRAP, IN_TOPIC, OUT_TOPIC, APP_ID, INTERVAL_MS, STATE_DIR, REKEY (1: the input is keyed by something else),
 * WORK_US (microseconds of work a record besides);
 * it prints FIRST_RECORD once when the first record
 * reaches its code. Started again with the same variables, it goes on from its last checkpoint.
 */
import { count, defineJob, sum } from 'millrace'
import { json, kafkaSink, kafkaSource } from 'millrace/kafka'

interface Event {
  readonly id: number
  readonly word: string
  readonly ts: number
  readonly amount: number
}

interface Update {
  readonly word: string
  readonly count: number
  readonly sum: number
}

const { KAFKA_BOOTSTRAP, IN_TOPIC, OUT_TOPIC, APP_ID, INTERVAL_MS, STATE_DIR, REKEY, WORK_US = '0' } = process.env
if (!KAFKA_BOOTSTRAP || !IN_TOPIC || !OUT_TOPIC || !APP_ID || !INTERVAL_MS || !STATE_DIR) {
  throw new Error('KAFKA_BOOTSTRAP, IN_TOPIC, OUT_TOPIC, APP_ID, INTERVAL_MS and STATE_DIR must be set (see bench/README.md)')
}

let isFirst = true

function amountOf(event: Event): number {
  if (isFirst) {
    isFirst = false
    process.stdout.write('FIRST_RECORD\n')
  }
  if (WORK_US !== '0') work(Number(WORK_US))
  return event.amount
}

/** What a job of one's own may do with a record. */
function work(microseconds: number): void {
  const end = performance.now() + microseconds / 1000
  while (performance.now() < end);
}

export default defineJob(
  'word-count',
  (job) => {
    const events = job.source('events', kafkaSource({ topic: IN_TOPIC, value: json<Event>() }))
    const byWord = REKEY === '1' ? events.keyBy((event) => event.word) : events.keyByRecordKey()
    byWord
      .aggregate('totals', { count: count(), sum: sum(amountOf) })
      .map((row): Update => ({ word: row.key, count: row.count, sum: row.sum }))
      .sink('updates', kafkaSink({ topic: OUT_TOPIC, value: json<Update>() }))
  },
  {
    appId: APP_ID,
    brokers: KAFKA_BOOTSTRAP,
    checkpoints: `file:${STATE_DIR}/checkpoints`,
    checkpointInterval: `${INTERVAL_MS}ms`,
    stateDirectory: `${STATE_DIR}/state`,
  },
)
