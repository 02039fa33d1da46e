import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import fc from 'fast-check'
import { isMillraceError } from '../../../src/common/errors.ts'
import type { ExchangeTopic, ExchangeWriter } from '../../../src/ports/exchange.ts'
import { KafkaCode } from '../client/kafka-errors.ts'
import { ModelBrokers, seededRandom } from '../client/model-brokers.fixture.ts'
import { ProducerIdentity } from '../client/producer.ts'
import { Produce, type ProduceInput } from '../client/requests/produce-request.ts'
import { InitProducerId } from '../client/requests/transaction-requests.ts'
import { Sender } from '../client/sender.ts'
import { ScriptedCluster } from '../client/testing.ts'
import { decodeRecords, readBatchHeader } from '../codec/record-batch-reader.ts'
import { KafkaExchangeWriter } from './kafka-exchange-writer.ts'
import { openTestExchange } from './testing.ts'

const closers: Array<() => unknown> = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

const X: ExchangeTopic = { exchange: 'x', identity: 'id', partitions: 2, topic: 'app.exchange.x' }

async function setUp() {
  const cluster = new ScriptedCluster().lead(X.topic, 0, 1).lead(X.topic, 1, 2)
  const worker = openTestExchange({ cluster })
  const opening = worker.exchange.openWriter([X])
  const asked = await cluster.next(InitProducerId)
  assert.equal(asked.input.transactionalId, null)
  asked.answer({ errorCode: 0, producerId: 71, producerEpoch: 0 })
  const writer = await opening
  closers.push(() => writer.close())
  return { cluster, writer, failures: worker.failures }
}

const append = (writer: ExchangeWriter, partition: number, text: string) =>
  writer.append('x', partition, Buffer.from(`<${text}>`), 1, 1 + text.length)

function framesOf(input: ProduceInput) {
  return input.batches.map(({ partition, records }) => {
    const header = readBatchHeader(records, 0)
    assert.ok(header !== null)
    const { producerId, baseSequence } = header
    const { count, buffer, keyStart, valueStart, valueEnd } = decodeRecords(records, header)
    const texts = Array.from({ length: count }, (_, i) => buffer.toString('latin1', valueStart[i], valueEnd[i]))
    assert.ok(keyStart.every((start) => start === -1))
    return { partition, producerId, baseSequence, texts }
  })
}

function answerTo(input: ProduceInput, baseOffset: number, errorCode = 0) {
  return input.batches.map(({ topic, partition }) => ({ topic, partition, errorCode, baseOffset, message: null }))
}

test('a frame is a record of a new producer id; a barrier is sent at once behind what was appended, to every partition', async () => {
  const { cluster, writer } = await setUp()
  assert.equal(writer.producerId, 71)
  append(writer, 0, 'a')
  append(writer, 0, 'b')
  const barrier = writer.appendToAll(Buffer.from('|'))
  const requests = [await cluster.next(Produce), await cluster.next(Produce)].sort(
    (a, b) => Number(a.target) - Number(b.target),
  )
  assert.deepEqual(
    requests.map(({ input }) => framesOf(input)),
    [
      [{ partition: 0, producerId: 71, baseSequence: 0, texts: ['a', 'b', '|'] }],
      [{ partition: 1, producerId: 71, baseSequence: 0, texts: ['|'] }],
    ],
  )
  requests[0]?.answer(answerTo(requests[0].input, 500))
  requests[1]?.answer(answerTo(requests[1].input, 40))
  assert.deepEqual(await barrier, { x: { 0: 503, 1: 41 } })
})

test('until the first acknowledgement of a partition one batch is on its way, then barriers overtake no answer', async () => {
  const { cluster, writer } = await setUp()
  const barriers = [writer.appendToAll(Buffer.from('1'))]
  const first = [await cluster.next(Produce), await cluster.next(Produce)]
  append(writer, 0, 'a')
  barriers.push(writer.appendToAll(Buffer.from('2')))
  await cluster.none(Produce)
  for (const { input, answer } of first) answer(answerTo(input, 0))
  assert.deepEqual(await barriers[0], { x: { 0: 1, 1: 1 } })
  const second = [await cluster.next(Produce), await cluster.next(Produce)]
  // The second one is not acknowledged yet: the third goes out all the same.
  barriers.push(writer.appendToAll(Buffer.from('3')))
  const third = [await cluster.next(Produce), await cluster.next(Produce)]
  for (const { input, answer } of third) answer(answerTo(input, 900))
  let isThird = false
  barriers[2]?.then(() => (isThird = true))
  for (const { input, answer } of second) answer(answerTo(input, 100))
  assert.deepEqual(await barriers[1], { x: { 0: 102, 1: 101 } })
  assert.deepEqual(await barriers[2], { x: { 0: 901, 1: 901 } })
  assert.ok(isThird)
})

test('an unknown producer id, or sequences out of order, fail the epoch and everything after', async () => {
  for (const code of [KafkaCode.unknownProducerId, KafkaCode.outOfOrderSequenceNumber]) {
    const { cluster, writer, failures } = await setUp()
    const barrier = writer.appendToAll(Buffer.from('|'))
    const failed = assert.rejects(barrier, stateLost)
    const { input, answer } = await cluster.next(Produce)
    answer(answerTo(input, -1, code))
    await failed
    assert.ok(stateLost(failures[0]))
    assert.equal(failures.length, 1)
    assert.throws(() => append(writer, 0, 'late'), stateLost)
    await assert.rejects(writer.appendToAll(Buffer.from('late')), stateLost)
    await assert.rejects(writer.backPressure() ?? Promise.resolve(), stateLost)
  }
})

test('an acknowledgement without an offset is no end of a channel', async () => {
  const { cluster, writer } = await setUp()
  const failed = assert.rejects(writer.appendToAll(Buffer.from('|')), (error) => isMillraceError(error, 'MR_KAFKA_PROTOCOL'))
  for (const { input, answer } of [await cluster.next(Produce), await cluster.next(Produce)]) {
    answer(answerTo(input, -1, KafkaCode.duplicateSequenceNumber))
  }
  await failed
})

test('appending waits while 16 MiB are not acknowledged', async () => {
  const { cluster, writer } = await setUp()
  const frame = Buffer.alloc(300_000)
  // Not compressible, or nothing would wait.
  for (let i = 0; i < frame.length; i++) frame[i] = (i * 2_654_435_761) >>> 13
  let appended = 0
  while (writer.backPressure() === null) {
    for (let i = 0; i < 1_000; i++) frame.writeUInt32LE((appended * 7919 + i * 104_729) >>> 0, i * 300)
    writer.append('x', appended++ % 2, frame, 0, frame.length)
    assert.ok(appended < 100_000)
  }
  const waiting = writer.backPressure()
  while (cluster.pending.length > 0 || (await stillWaits(waiting))) {
    const { input, answer } = await cluster.next(Produce)
    answer(answerTo(input, 0))
  }
  assert.equal(writer.backPressure(), null)
})

test('the offsets of barriers are where they lie, whatever brokers and connections do', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.integer({ max: 25, min: 0 }), async (seed, faultPercent) => {
      const random = seededRandom(seed)
      const brokers = new ModelBrokers(seed, 3)
      brokers.faultPercent = faultPercent
      const writers = [4, 5].map((producerId) => {
        const sender = new Sender(brokers, { lingerMs: 0, maxBatchBytes: 100, retryBackoff: { firstMs: 1, maxMs: 3 } })
        const identity = new ProducerIdentity(null, { producerId, producerEpoch: 0 })
        const topics = [{ exchange: 'x', topic: 't', identity: 'id', partitions: 3 }]
        return new KafkaExchangeWriter(sender, identity, brokers.clock, topics)
      })
      const told = await Promise.all(
        writers.map(async (writer) => {
          const barriers: Array<ReturnType<ExchangeWriter['appendToAll']>> = []
          for (let round = 0; round < 6; round++) {
            for (let left = Math.floor(random() * 30); left > 0; left--) append(writer, Math.floor(random() * 3), 'frame')
            barriers.push(writer.appendToAll(Buffer.from(`barrier ${round}`)))
            if (random() < 0.5) await new Promise((resolve) => setImmediate(resolve))
          }
          return Promise.all(barriers)
        }),
      )
      for (const [index, writer] of writers.entries()) {
        for (const partition of [0, 1, 2]) {
          const log = brokers.log(partition)
          const lie = told[index]?.map((_, round) =>
            log.findIndex(({ producerId, value }) => producerId === writer.producerId && value === `barrier ${round}`),
          )
          assert.deepEqual(
            told[index]?.map((of) => of.x?.[partition]),
            lie?.map((offset) => offset + 1),
          )
        }
        await writer.close()
      }
    }),
    { numRuns: Number(process.env.MILLRACE_MODEL_RUNS ?? 25) },
  )
})

async function stillWaits(promise: Promise<void> | null): Promise<boolean> {
  const later = new Promise<boolean>((resolve) => setTimeout(resolve, 2, true))
  return Promise.race([later, promise?.then(() => false) ?? Promise.resolve(false)])
}

function stateLost(error: unknown): boolean {
  return isMillraceError(error, 'MR_KAFKA_PRODUCER_STATE_LOST')
}
