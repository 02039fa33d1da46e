import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RecordBatchBuilder } from '../codec/record-batch-builder.ts'
import { readBatchHeader } from '../codec/record-batch-reader.ts'
import { PartitionQueue, type QueuedBatch } from './partition-queue.ts'
import { advanceSequence, ProducerIdentity } from './producer.ts'
import { ProducerSpan } from './producer-span.ts'

const MAX = 5
const BROKER = 1

function identity(producerId: number): ProducerSpan {
  return new ProducerSpan(new ProducerIdentity(null, { producerId, producerEpoch: 0 }))
}

function push(queue: PartitionQueue, span: ProducerSpan, records = 1): QueuedBatch {
  const builder = new RecordBatchBuilder(128)
  for (let i = 0; i < records; i++) builder.appendText(0, null, 'v')
  const batch = {
    share: span.partition('t', 0),
    sealed: builder.seal('none'),
    createdAtMs: 0,
    baseSequence: -1,
    number: -1,
    inFlight: false,
  }
  span.batchSealed()
  queue.push(batch)
  return batch
}

/** Sends whatever the rules allow now. */
function sendAll(queue: PartitionQueue, broker = BROKER): QueuedBatch[] {
  const sent: QueuedBatch[] = []
  for (let batch = queue.firstUnsent; batch !== undefined; batch = queue.firstUnsent) {
    if (!queue.admits(batch.share, broker, MAX)) break
    queue.send(batch, broker)
    sent.push(batch)
  }
  return sent
}

test('until the first acknowledgement of an identity one batch is in flight, then five', () => {
  const queue = new PartitionQueue('t', 0)
  const span = identity(7)
  const batches = Array.from({ length: 8 }, () => push(queue, span))
  assert.deepEqual(sendAll(queue), [batches[0]])
  queue.acknowledged(batches[0] as QueuedBatch)
  assert.deepEqual(sendAll(queue), batches.slice(1, 6))
  queue.acknowledged(batches[1] as QueuedBatch)
  assert.deepEqual(sendAll(queue), batches.slice(6, 7))
})

test('behind a batch that is sent again, no more follow than the leader remembers batches', () => {
  const queue = new PartitionQueue('t', 0)
  const span = identity(7)
  const [zeroth, first, second, third, ...rest] = Array.from({ length: 10 }, () => push(queue, span)) as [
    QueuedBatch,
    QueuedBatch,
    QueuedBatch,
    QueuedBatch,
    ...QueuedBatch[],
  ]
  sendAll(queue)
  queue.acknowledged(zeroth)
  assert.equal(sendAll(queue).length, 5)
  // Two fail, which the leader may have written all the same; what came behind them is acknowledged.
  queue.failed(first, new Error('too few replicas'), 0)
  queue.failed(second, new Error('too few replicas'), 0)
  for (const batch of [third, ...rest.slice(0, 2)]) queue.acknowledged(batch)
  assert.deepEqual(sendAll(queue), [first], 'alone, to see')
  queue.acknowledged(first)
  // The leader knows the five up to the last one written: with two more the second one would be among those forgotten.
  assert.deepEqual(sendAll(queue), [second, rest[2]])
  queue.acknowledged(second)
  assert.deepEqual(sendAll(queue), rest.slice(3, 7))
})

test('sequences count records and stay with their batch', () => {
  const queue = new PartitionQueue('t', 0)
  const span = identity(7)
  const first = push(queue, span, 3)
  const second = push(queue, span, 2)
  sendAll(queue)
  queue.failed(first, new Error('lost'), 0)
  sendAll(queue)
  queue.acknowledged(first)
  sendAll(queue)
  assert.deepEqual([first.baseSequence, second.baseSequence], [0, 3])
  assert.equal(readBatchHeader(second.sealed.buffer, 0)?.baseSequence, 3)
  assert.equal(readBatchHeader(second.sealed.buffer, 0)?.producerId, 7)
})

test('a batch of the next identity waits for every batch of the one before', () => {
  const queue = new PartitionQueue('t', 0)
  const before = identity(7)
  const after = identity(8)
  const a = push(queue, before)
  const b = push(queue, before)
  const c = push(queue, after)
  sendAll(queue)
  queue.acknowledged(a)
  assert.deepEqual(sendAll(queue), [b])
  queue.acknowledged(b)
  assert.deepEqual(sendAll(queue), [c])
  assert.equal(c.baseSequence, 0)
})

test('spans of one identity follow one another without a wait', () => {
  const queue = new PartitionQueue('t', 0)
  const first = identity(7)
  const second = new ProducerSpan(first.identity)
  const a = push(queue, first)
  const b = push(queue, first)
  const c = push(queue, second)
  sendAll(queue)
  queue.acknowledged(a)
  assert.deepEqual(sendAll(queue), [b, c])
  assert.equal(c.baseSequence, 2)
})

test('after a failure everything in flight comes back first, then is sent again in order, the first one alone', () => {
  const queue = new PartitionQueue('t', 0)
  const span = identity(7)
  const [a, b, c, d] = [push(queue, span), push(queue, span), push(queue, span), push(queue, span)]
  sendAll(queue)
  queue.acknowledged(a)
  sendAll(queue)
  queue.failed(b, new Error('not the leader'), 10)
  assert.deepEqual(sendAll(queue), [])
  assert.equal(queue.hasEarlier(c), true)
  queue.failed(c, new Error('out of order'), 10)
  queue.failed(d, new Error('out of order'), 10)
  assert.equal(queue.notBeforeMs, 10)
  assert.deepEqual(sendAll(queue), [b])
  queue.acknowledged(b)
  assert.deepEqual(sendAll(queue), [c, d])
  assert.deepEqual([b.baseSequence, c.baseSequence, d.baseSequence], [1, 2, 3])
})

test('an acknowledgement behind a failure is kept, and not sent again', () => {
  const queue = new PartitionQueue('t', 0)
  const span = identity(7)
  const [a, b, c] = [push(queue, span), push(queue, span), push(queue, span)]
  sendAll(queue)
  queue.acknowledged(a)
  sendAll(queue)
  queue.failed(b, new Error('written, but not by enough replicas'), 0)
  queue.acknowledged(c)
  assert.deepEqual(sendAll(queue), [b])
  assert.equal(queue.hasEarlier(b), false)
})

test('nothing goes to the new leader while something is on its way to the old one', () => {
  const queue = new PartitionQueue('t', 0)
  const span = identity(7)
  const [a, b, c] = [push(queue, span), push(queue, span), push(queue, span)]
  sendAll(queue)
  queue.acknowledged(a)
  queue.send(b, 1)
  assert.deepEqual(sendAll(queue, 2), [])
  queue.acknowledged(b)
  assert.deepEqual(sendAll(queue, 2), [c])
})

test('nothing is sent before the identity is known', () => {
  const queue = new PartitionQueue('t', 0)
  const span = new ProducerSpan(new ProducerIdentity(null))
  const batch = push(queue, span)
  assert.deepEqual(sendAll(queue), [])
  span.identity.initialise({ producerId: 3, producerEpoch: 2 })
  assert.deepEqual(sendAll(queue), [batch])
  assert.equal(readBatchHeader(batch.sealed.buffer, 0)?.producerEpoch, 2)
})

test('sequences begin anew at zero behind 2^31 - 1, as on the brokers', () => {
  assert.equal(advanceSequence(0, 5), 5)
  assert.equal(advanceSequence(2 ** 31 - 1, 1), 0)
  assert.equal(advanceSequence(2 ** 31 - 3, 5), 2)
  assert.equal(advanceSequence(2 ** 31 - 6, 5), 2 ** 31 - 1)
})
