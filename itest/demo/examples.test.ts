import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Payment } from '../../examples/card-limits.job.ts'
import type { Flight } from '../../examples/flights-by-airport.job.ts'
import type { Order } from '../../examples/order-revenue.job.ts'
import { JobProcess } from '../support/job-process.ts'
import { kafkaClient } from '../support/kafka-ready.ts'
import { temporaryFolder } from '../support/leftovers.ts'
import { type CommittedRecord, readCommitted } from '../support/read-committed.ts'
import { type KafkaServer, startKafka } from '../support/servers.ts'
import { createTopic } from '../support/topics.ts'

describe('examples on a real broker', () => {
  let kafka: KafkaServer
  before(async () => {
    kafka = await startKafka()
  })
  after(() => kafka.close())

  /**
   * Runs the example, by two workers in its process, over what stands in its input, until its outputs have as many records as `expected` says, and to its
   * end by SIGTERM; returns all that it has written by then.
   */
  async function run(
    example: string,
    input: string,
    messages: { key: string; value: string }[],
    expected: Readonly<Record<string, number>>,
  ) {
    const outputs = Object.keys(expected)
    for (const topic of [input, ...outputs]) await createTopic(kafka, topic)
    const producer = kafkaClient(kafka.bootstrap, { retries: 10 }).producer()
    await producer.connect()
    await producer.send({ topic: input, messages })
    await producer.disconnect()
    const folder = temporaryFolder('example')
    const job = new JobProcess({
      job: `examples/${example}.job.ts`,
      options: {
        brokers: kafka.bootstrap,
        checkpoints: `file:${folder.path}/checkpoints`,
        'state-directory': `${folder.path}/state`,
        'checkpoint-interval': '200ms',
        workers: 2,
      },
    })
    try {
      for (const [topic, count] of Object.entries(expected)) {
        while ((await readCommitted(kafka, topic)).length < count) assert.equal(job.hasEnded, false, job.tail())
      }
      const { exitCode } = await job.kill('SIGTERM')
      assert.equal(exitCode, 0, job.tail())
    } finally {
      await job.kill()
      await folder.remove()
    }
    return Promise.all(outputs.map((topic) => readCommitted(kafka, topic)))
  }

  test('order-revenue adds up what is paid and sets aside what is no JSON', async () => {
    const order = (key: string, orderId: string, amountCents: number, status: Order['status'] = 'paid') => ({
      key,
      value: JSON.stringify({ orderId, status, amountCents } satisfies Order),
    })
    const [revenue = [], unreadable = []] = await run(
      'order-revenue',
      'orders',
      [
        order('ada', 'o1', 1_000),
        order('ada', 'o2', 9_999, 'cancelled'),
        { key: 'ada', value: 'no JSON' },
        order('bob', 'o3', 50),
        order('ada', 'o4', 250),
      ],
      { 'revenue-by-customer': 3, 'orders-unreadable': 1 },
    )
    assert.deepEqual(rowsOf(revenue, 'ada'), [
      { key: 'ada', orders: 1, revenueCents: 1_000, largestCents: 1_000 },
      { key: 'ada', orders: 2, revenueCents: 1_250, largestCents: 1_000 },
    ])
    assert.deepEqual(rowsOf(revenue, 'bob'), [{ key: 'bob', orders: 1, revenueCents: 50, largestCents: 50 }])
    assert.equal(revenue.length, 3)
    assert.deepEqual(
      unreadable.map(({ key, value }) => [String(key), String(value)]),
      [['ada', 'no JSON']],
    )
    const headers = Object.fromEntries(unreadable[0]?.headers.map(({ name, value }) => [name, String(value)]) ?? [])
    assert.equal(headers['millrace.topic'], 'orders')
    assert.match(headers['millrace.error'] ?? '', /JSON/)
  })

  test('card-limits warns once a day for each card', async () => {
    const payment = (key: string, paidAt: string, amountCents: number) => ({
      key,
      value: JSON.stringify({ amountCents, limitCents: 500, paidAtMs: Date.parse(paidAt) } satisfies Payment),
    })
    const [warnings = []] = await run(
      'card-limits',
      'payments',
      [
        payment('4711', '2026-03-28T08:00:00Z', 300),
        payment('4711', '2026-03-28T09:00:00Z', 200),
        payment('4711', '2026-03-28T10:00:00Z', 1),
        payment('4711', '2026-03-28T11:00:00Z', 900),
        payment('0815', '2026-03-28T12:00:00Z', 501),
        payment('4711', '2026-03-29T08:00:00Z', 500),
        payment('4711', '2026-03-28T23:00:00Z', 700),
        payment('4711', '2026-03-29T09:00:00Z', 2),
      ],
      { 'limit-warnings': 3 },
    )
    assert.deepEqual(rowsOf(warnings, '4711'), [
      { card: '4711', day: '2026-03-28', spentCents: 501, limitCents: 500 },
      { card: '4711', day: '2026-03-29', spentCents: 502, limitCents: 500 },
    ])
    assert.deepEqual(rowsOf(warnings, '0815'), [{ card: '0815', day: '2026-03-28', spentCents: 501, limitCents: 500 }])
    assert.equal(warnings.length, 3)
  })

  test('flights-by-destination keys anew', async () => {
    const flight = (origin: string, destination: string, delay: number) => ({
      key: origin,
      value: JSON.stringify({ origin, destination, delay, distance: 1, date: '2001/01/01 00:47' } satisfies Flight),
    })
    const [arrivals = []] = await run(
      'flights-by-destination',
      'flights',
      [flight('SFO', 'JFK', 10), flight('SFO', 'JFK', 20), flight('BOS', 'LAX', 5), flight('SEA', 'LAX', 5)],
      { 'flights-by-destination': 4 },
    )
    assert.deepEqual(rowsOf(arrivals, 'JFK'), [
      { key: 'JFK', flights: 1, meanDelay: 10 },
      { key: 'JFK', flights: 2, meanDelay: 15 },
    ])
    assert.deepEqual(rowsOf(arrivals, 'LAX').at(-1), { key: 'LAX', flights: 2, meanDelay: 5 })
    assert.equal(arrivals.length, 4)
  })
})

function rowsOf(records: readonly CommittedRecord[], key: string): unknown[] {
  return records.filter((record) => String(record.key) === key).map(({ value }) => JSON.parse(String(value)))
}
