import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ModelBrokers, seededRandom } from './model-brokers.fixture.ts'
import { ProducerIdentity } from './producer.ts'
import type { PartitionRange } from './producer-span.ts'
import { Sender } from './sender.ts'

const PARTITIONS = 3

/** Writes numbered records under several identities, against brokers that fail; answers what was appended and where it is. */
async function run(seed: number, faultPercent: number, isTransactional: boolean) {
  const random = seededRandom(seed)
  const brokers = new ModelBrokers(seed, PARTITIONS)
  brokers.faultPercent = faultPercent
  const sender = new Sender(brokers, {
    maxBatchBytes: 150,
    maxRequestBytes: 400,
    lingerMs: 1,
    maxBufferedBytes: 4_000,
    retryBackoff: { firstMs: 1, maxMs: 2 },
    deliveryTimeoutMs: 20_000,
  })
  const appended: string[][] = Array.from({ length: PARTITIONS }, () => [])
  const spans: Array<{ turn: number; ranges: Promise<readonly PartitionRange[]> }> = []
  const identities: ProducerIdentity[] = []
  for (let turn = 0; turn < 4; turn++) {
    const producerId = 100 + turn
    // Sometimes one used before comes again: its sequences go on, and it must not overtake the one between.
    const used = random() < 0.4 ? identities.at(-2) : undefined
    const identity = used ?? new ProducerIdentity(isTransactional ? `tx-${turn}` : null)
    identities.push(identity)
    const span = sender.use(identity)
    spans.push({ turn, ranges: span.flushed })
    // Sometimes known late, as when the coordinator takes its time.
    const isLate = random() < 0.5 && !identity.isKnown
    if (!isLate && !identity.isKnown) identity.initialise({ producerId, producerEpoch: 0 })
    for (let index = 0; index < 120; index++) {
      const partition = Math.floor(random() * PARTITIONS)
      const value = `${turn}.${index}`
      sender.builder('t', partition).appendText(0, null, value)
      appended[partition]?.push(value)
      if (isLate && index === 60) identity.initialise({ producerId, producerEpoch: 0 })
      if (random() < 0.1) await new Promise((resolve) => setImmediate(resolve))
      if (identity.isKnown) await sender.whenDrained()
    }
  }
  sender.end()
  const ranges = await Promise.all(spans.map(async (span) => ({ ...span, ranges: await span.ranges })))
  assert.equal(sender.bufferedBytes, 0)
  sender.close()
  return { brokers, appended, ranges }
}

async function check(seed: number, faultPercent: number, isTransactional: boolean): Promise<void> {
  const { brokers, appended, ranges } = await run(seed, faultPercent, isTransactional)
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const log = brokers.log(partition)
    assert.deepEqual(
      log.map(({ value }) => value),
      appended[partition],
      `partition ${partition} holds every record once, in the order of appending`,
    )
    for (const span of ranges) {
      const own = log.flatMap(({ value }, offset) => (value.startsWith(`${span.turn}.`) ? [offset] : []))
      const range = span.ranges.find((candidate) => candidate.partition === partition)
      if (own.length === 0) assert.equal(range, undefined)
      else {
        const expected = { topic: 't', partition, firstOffset: own[0], lastOffset: own.at(-1), recordCount: own.length }
        assert.deepEqual(range, expected)
      }
    }
  }
  assert.ok(brokers.maxInFlight <= 5, `${brokers.maxInFlight} batches of a producer on their way`)
}

test('without faults everything is written once, in order, with its ranges', async () => {
  await check(1, 0, false)
  await check(2, 0, true)
})

test('whatever brokers and connections do, every record is written once, in order', async () => {
  await fc.assert(fc.asyncProperty(fc.integer(), fc.integer({ min: 2, max: 30 }), fc.boolean(), check), {
    numRuns: Number(process.env.MILLRACE_MODEL_RUNS ?? 40),
  })
})
