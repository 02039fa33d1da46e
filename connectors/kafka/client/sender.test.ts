import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { isMillraceError } from '../../../src/common/errors.ts'
import { readBatchHeader } from '../codec/record-batch-reader.ts'
import { connectionLost } from './connection-errors.ts'
import { KafkaCode } from './kafka-errors.ts'
import { ProducerIdentity } from './producer.ts'
import { Produce, type ProduceInput } from './requests/produce-request.ts'
import { AddPartitionsToTxn } from './requests/transaction-requests.ts'
import { Sender, type SenderOptions } from './sender.ts'
import { ScriptedCluster } from './testing.ts'

const senders: Sender[] = []
afterEach(() => {
  for (const sender of senders.splice(0)) sender.close()
})

function setUp(options: SenderOptions = {}) {
  const cluster = new ScriptedCluster().lead('t', 0, 1).lead('t', 1, 1).lead('t', 2, 2)
  const sender = new Sender(cluster, { lingerMs: 1, retryBackoff: { firstMs: 1, maxMs: 2 }, ...options })
  senders.push(sender)
  return { cluster, sender }
}

const known = (producerId: number) => new ProducerIdentity(null, { producerId, producerEpoch: 0 })

/** An answer to every batch of a request. */
function answerTo(input: ProduceInput, errorCode = 0, baseOffset = 0) {
  return input.batches.map(({ topic, partition }) => ({
    topic,
    partition,
    errorCode,
    baseOffset: errorCode === 0 ? baseOffset : -1,
    message: null,
  }))
}

const sequencesOf = (input: ProduceInput) => input.batches.map(({ records }) => readBatchHeader(records, 0)?.baseSequence)

test('one request to a broker carries the batches of all its partitions', async () => {
  const { cluster, sender } = setUp()
  const span = sender.use(known(7))
  for (const partition of [0, 1, 2]) sender.builder('t', partition).appendText(0, 'k', `v${partition}`)
  sender.end()
  const requests = [await cluster.next(Produce), await cluster.next(Produce)].sort(
    (a, b) => Number(a.target) - Number(b.target),
  )
  assert.deepEqual(
    requests.map(({ target, input }) => [target, input.batches.map(({ partition }) => partition)]),
    [
      [1, [0, 1]],
      [2, [2]],
    ],
  )
  for (const { input, answer } of requests) answer(answerTo(input, 0, 40))
  assert.deepEqual(
    (await span.flushed).map(({ partition, firstOffset, recordCount }) => [partition, firstOffset, recordCount]),
    [
      [0, 40, 1],
      [1, 40, 1],
      [2, 40, 1],
    ],
  )
})

test('an open batch waits for more records while it lingers, or until flush', async () => {
  const { cluster, sender } = setUp({ lingerMs: 10_000 })
  sender.use(known(7))
  sender.builder('t', 0).appendText(0, null, 'a')
  await cluster.none(Produce)
  sender.flush()
  const { input } = await cluster.next(Produce)
  assert.equal(readBatchHeader(input.batches[0]?.records as Buffer, 0)?.recordCount, 1)
})

test('a batch goes on growing while five requests are on their way', async () => {
  const { cluster, sender } = setUp({ maxInFlightPerBroker: 1 })
  sender.use(known(7))
  const appender = sender.builder('t', 0)
  appender.appendText(0, null, 'a')
  const first = await cluster.next(Produce)
  for (let i = 0; i < 20; i++) {
    appender.appendText(0, null, 'b')
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await cluster.none(Produce)
  first.answer(answerTo(first.input))
  const second = await cluster.next(Produce)
  assert.equal(readBatchHeader(second.input.batches[0]?.records as Buffer, 0)?.recordCount, 20)
})

test('a leader that moved: the batch goes to the new one with the same sequence', async () => {
  const { cluster, sender } = setUp()
  const span = sender.use(known(7))
  sender.builder('t', 0).appendText(0, null, 'a')
  sender.end()
  const first = await cluster.next(Produce)
  assert.equal(first.target, 1)
  cluster.onRefresh = () => cluster.lead('t', 0, 2)
  first.answer(answerTo(first.input, KafkaCode.notLeaderOrFollower))
  const again = await cluster.next(Produce)
  assert.equal(again.target, 2)
  assert.deepEqual(again.input.batches[0]?.records, first.input.batches[0]?.records)
  again.answer(answerTo(again.input, 0, 12))
  assert.equal((await span.flushed)[0]?.firstOffset, 12)
  assert.equal(sender.stats.retriedBatches, 1)
})

test('later batches refused as out of order behind a failed one are sent again in order', async () => {
  const { cluster, sender } = setUp({ maxBatchBytes: 80 })
  const span = sender.use(known(7))
  const appender = sender.builder('t', 0)
  appender.appendText(0, null, 'first')
  const first = await cluster.next(Produce)
  first.answer(answerTo(first.input, 0, 0))
  await new Promise((resolve) => setTimeout(resolve, 5))
  for (const value of ['second', 'third', 'fourth']) appender.appendText(0, null, value.padEnd(30))
  sender.end()
  const requests = [await cluster.next(Produce), await cluster.next(Produce), await cluster.next(Produce)]
  assert.deepEqual(
    requests.map(({ input }) => sequencesOf(input)),
    [[1], [2], [3]],
  )
  requests[0]?.answer(answerTo(requests[0].input, KafkaCode.requestTimedOut))
  requests[1]?.answer(answerTo(requests[1].input, KafkaCode.outOfOrderSequenceNumber))
  await cluster.none(Produce)
  requests[2]?.answer(answerTo(requests[2].input, KafkaCode.outOfOrderSequenceNumber))
  for (const [sequence, offset] of [
    [1, 1],
    [2, 2],
    [3, 3],
  ] as const) {
    const again = await cluster.next(Produce)
    assert.deepEqual(sequencesOf(again.input), [sequence])
    // The last one answers as brokers of old do for what they have.
    again.answer(answerTo(again.input, sequence === 2 ? KafkaCode.duplicateSequenceNumber : 0, offset))
  }
  assert.deepEqual(await span.flushed, [{ topic: 't', partition: 0, firstOffset: 0, lastOffset: 3, recordCount: 4 }])
})

test('a lost connection: everything on its way is sent again', async () => {
  const { cluster, sender } = setUp()
  const span = sender.use(known(7))
  sender.builder('t', 0).appendText(0, null, 'a')
  sender.builder('t', 1).appendText(0, null, 'b')
  sender.end()
  const first = await cluster.next(Produce)
  first.fail(connectionLost('broker 1', undefined))
  const again = await cluster.next(Produce)
  assert.deepEqual(sequencesOf(again.input), [0, 0])
  again.answer(answerTo(again.input))
  await span.flushed
  assert.ok(cluster.refreshes > 0)
})

const fatal: ReadonlyArray<[string, number, string]> = [
  ['a fenced epoch', KafkaCode.invalidProducerEpoch, 'MR_KAFKA_PRODUCER_FENCED'],
  ['a fenced producer', KafkaCode.producerFenced, 'MR_KAFKA_PRODUCER_FENCED'],
  ['an unknown producer id', KafkaCode.unknownProducerId, 'MR_KAFKA_PRODUCER_STATE_LOST'],
  ['out of order with nothing earlier pending', KafkaCode.outOfOrderSequenceNumber, 'MR_KAFKA_PRODUCER_STATE_LOST'],
  ['a batch too large', KafkaCode.messageTooLarge, 'MR_KAFKA_RECORD_TOO_LARGE'],
  ['a missing right', KafkaCode.topicAuthorizationFailed, 'MR_KAFKA_AUTHORIZATION'],
  ['a record refused', KafkaCode.invalidRecord, 'MR_KAFKA_RECORD_REFUSED'],
  ['a transaction that is not open', KafkaCode.invalidTxnState, 'MR_KAFKA_TRANSACTION_STATE'],
  ['an error of the server', KafkaCode.unknownServerError, 'MR_KAFKA_REQUEST_REFUSED'],
]
for (const [what, errorCode, code] of fatal) {
  test(`${what} fails the sender with ${code} and the place`, async () => {
    const failures: Error[] = []
    const { cluster, sender } = setUp({ onFailure: (error) => failures.push(error) })
    const span = sender.use(known(7))
    sender.builder('t', 1).appendText(0, null, 'a')
    sender.end()
    const request = await cluster.next(Produce)
    request.answer(answerTo(request.input, errorCode))
    await assert.rejects(span.flushed, (error) => {
      assert.ok(isMillraceError(error) && error.code === code)
      assert.deepEqual([error.details.topic, error.details.partition], ['t', 1])
      assert.ok(error.remedy.length > 0)
      return true
    })
    assert.equal(failures.length, 1)
    assert.equal(sender.failure, failures[0])
    assert.throws(
      () => sender.use(known(8)),
      (error) => error === failures[0],
    )
    await assert.rejects(sender.whenDrained() as Promise<void>)
  })
}

test('a partition without a leader fails the sender when the delivery timeout is over', async () => {
  const { cluster, sender } = setUp({ deliveryTimeoutMs: 60 })
  cluster.leaders.delete('t:0')
  const span = sender.use(known(7))
  sender.builder('t', 0).appendText(0, null, 'a')
  sender.end()
  await assert.rejects(span.flushed, (error) => isMillraceError(error, 'MR_KAFKA_DELIVERY_TIMEOUT'))
  assert.ok(cluster.refreshes > 1)
})

test('a missing topic is named as such when the delivery timeout is over', async () => {
  const { cluster, sender } = setUp({ deliveryTimeoutMs: 60 })
  cluster.topicErrors.set('nowhere', KafkaCode.unknownTopicOrPartition)
  const span = sender.use(known(7))
  sender.builder('nowhere', 0).appendText(0, null, 'a')
  sender.end()
  await assert.rejects(span.flushed, (error) => isMillraceError(error, 'MR_KAFKA_TOPIC_MISSING'))
})

test('a batch that keeps failing fails the sender with its last error', async () => {
  const { cluster, sender } = setUp({ deliveryTimeoutMs: 80 })
  const span = sender.use(known(7))
  sender.builder('t', 0).appendText(0, null, 'a')
  sender.end()
  const answering = (async () => {
    while (sender.failure === undefined) {
      const request = await cluster.next(Produce, 50).catch(() => undefined)
      request?.answer(answerTo(request.input, 19))
    }
  })()
  await assert.rejects(
    span.flushed,
    (error) => isMillraceError(error, 'MR_KAFKA_DELIVERY_TIMEOUT') && /NOT_ENOUGH_REPLICAS/.test(error.message),
  )
  await answering
})

test('whenDrained asks for patience above the bound and lets go below it', async () => {
  const { cluster, sender } = setUp({ maxBufferedBytes: 1_000 })
  sender.use(known(7))
  const appender = sender.builder('t', 0)
  assert.equal(sender.whenDrained(), null)
  appender.appendText(0, null, 'x'.repeat(1_200))
  const drained = sender.whenDrained()
  assert.notEqual(drained, null)
  const request = await cluster.next(Produce)
  assert.ok(sender.bufferedBytes >= 1_200)
  request.answer(answerTo(request.input))
  await drained
  assert.equal(sender.bufferedBytes, 0)
  assert.equal(sender.whenDrained(), null)
})

test('partitions join a transaction before their first batch is sent, together', async () => {
  const { cluster, sender } = setUp()
  const identity = new ProducerIdentity('tx-1')
  const span = sender.use(identity)
  sender.builder('t', 0).appendText(0, null, 'a')
  sender.builder('t', 2).appendText(0, null, 'b')
  sender.end()
  await cluster.none(AddPartitionsToTxn)
  identity.initialise({ producerId: 70, producerEpoch: 4 })
  const add = await cluster.next(AddPartitionsToTxn)
  assert.deepEqual(add.target, { transactionalId: 'tx-1' })
  assert.deepEqual(add.input.partitions, [
    { topic: 't', partition: 0 },
    { topic: 't', partition: 2 },
  ])
  await cluster.none(Produce)
  // The coordinator is still completing the transaction before.
  add.answer(add.input.partitions.map((partition) => ({ ...partition, errorCode: KafkaCode.concurrentTransactions })))
  const again = await cluster.next(AddPartitionsToTxn)
  again.answer(again.input.partitions.map((partition) => ({ ...partition, errorCode: 0 })))
  for (let sent = 0; sent < 2; sent++) {
    const { input, answer } = await cluster.next(Produce)
    assert.equal(input.transactionalId, 'tx-1')
    const header = readBatchHeader(input.batches[0]?.records as Buffer, 0)
    assert.deepEqual([header?.producerId, header?.producerEpoch, header?.isTransactional], [70, 4, true])
    answer(answerTo(input))
  }
  assert.equal((await span.flushed).length, 2)
})

test('a transactional id that somebody else has taken fails the sender before anything is sent', async () => {
  const { cluster, sender } = setUp()
  const span = sender.use(new ProducerIdentity('tx-1', { producerId: 70, producerEpoch: 4 }))
  sender.builder('t', 0).appendText(0, null, 'a')
  sender.end()
  const add = await cluster.next(AddPartitionsToTxn)
  add.answer([{ topic: 't', partition: 0, errorCode: KafkaCode.producerFenced }])
  await assert.rejects(span.flushed, (error) => isMillraceError(error, 'MR_KAFKA_PRODUCER_FENCED'))
  await cluster.none(Produce)
})

test('output of the next identity is held back on each partition for itself', async () => {
  const { cluster, sender } = setUp()
  const before = sender.use(known(7))
  sender.builder('t', 0).appendText(0, null, 'old 0')
  const after = sender.use(known(8))
  sender.builder('t', 0).appendText(0, null, 'new 0')
  sender.builder('t', 2).appendText(0, null, 'new 2')
  sender.end()
  const first = await cluster.next(Produce)
  assert.equal(readBatchHeader(first.input.batches[0]?.records as Buffer, 0)?.producerId, 7)
  const other = await cluster.next(Produce)
  assert.deepEqual([other.target, other.input.batches.map(({ partition }) => partition)], [2, [2]])
  other.answer(answerTo(other.input))
  await cluster.none(Produce)
  first.answer(answerTo(first.input))
  await before.flushed
  const held = await cluster.next(Produce)
  assert.equal(readBatchHeader(held.input.batches[0]?.records as Buffer, 0)?.producerId, 8)
  held.answer(answerTo(held.input, 0, 1))
  assert.equal((await after.flushed).length, 2)
})

test('a span without records is flushed at once, with no ranges', async () => {
  const { sender } = setUp()
  const span = sender.use(new ProducerIdentity('tx-1'))
  sender.end()
  assert.deepEqual(await span.flushed, [])
})

test('a record larger than a batch goes alone', async () => {
  const { cluster, sender } = setUp({ maxBatchBytes: 200 })
  sender.use(known(7))
  const appender = sender.builder('t', 0)
  appender.appendText(0, null, 'a')
  appender.appendText(0, null, 'b'.repeat(500))
  appender.appendText(0, null, 'c')
  sender.flush()
  const counts: unknown[] = []
  for (let i = 0; i < 3; i++) {
    const { input, answer } = await cluster.next(Produce)
    counts.push(readBatchHeader(input.batches[0]?.records as Buffer, 0)?.recordCount)
    answer(answerTo(input))
  }
  assert.deepEqual(counts, [1, 1, 1])
})

test('closing rejects what is not acknowledged', async () => {
  const { cluster, sender } = setUp()
  const span = sender.use(known(7))
  sender.builder('t', 0).appendText(0, null, 'a')
  await cluster.next(Produce)
  sender.close()
  await assert.rejects(span.flushed, (error) => isMillraceError(error, 'MR_KAFKA_CLIENT_CLOSED'))
})
