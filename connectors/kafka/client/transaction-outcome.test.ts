import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KafkaCode } from './kafka-errors.ts'
import { Fetch } from './requests/fetch-request.ts'
import { ListOffsets } from './requests/offset-requests.ts'
import { buildTestBatch, fetchedPartition, ScriptedCluster } from './testing.ts'
import { judgeOutcome, outcomeInLog } from './transaction-outcome.ts'

const RANGE = { topic: 't', partition: 0, firstOffset: 10, lastOffset: 14, recordCount: 3 }
/** As brokers send it: without the offset that the log starts at. */
const OUT_OF_RANGE = { errorCode: KafkaCode.offsetOutOfRange, logStartOffset: -1 }
const data = (baseOffset: number, producerId: number) =>
  buildTestBatch({ baseOffset, values: ['v'], producerId, isTransactional: true })

test('undecided while the last stable offset is not past the end of the range', () => {
  for (const lastStableOffset of [0, 10, 14]) {
    assert.equal(judgeOutcome(7, RANGE, fetchedPartition('t', 0, [], { lastStableOffset })), 'undecided')
  }
})

test('aborted when the list names the producer from the start of the range or before', () => {
  for (const firstOffset of [10, 4]) {
    const abortedTransactions = [{ producerId: 7, firstOffset }]
    const fetched = fetchedPartition('t', 0, [data(10, 7)], { lastStableOffset: 16, abortedTransactions })
    assert.equal(judgeOutcome(7, RANGE, fetched), 'aborted')
  }
})

test('committed when the records are there and only others are listed', () => {
  const abortedTransactions = [
    { producerId: 8, firstOffset: 10 },
    { producerId: 7, firstOffset: 40 },
  ]
  const fetched = fetchedPartition('t', 0, [data(10, 8), data(11, 7)], { lastStableOffset: 16, abortedTransactions })
  assert.equal(judgeOutcome(7, RANGE, fetched), 'committed')
})

test('gone when nothing of the producer is left in the range', () => {
  const fetched = fetchedPartition('t', 0, [data(10, 8), data(20, 7)], { lastStableOffset: 30 })
  assert.equal(judgeOutcome(7, RANGE, fetched), 'gone')
})

test('not told yet when an answer ends before the range', () => {
  const fetched = fetchedPartition('t', 0, [data(10, 8), data(12, 8)], { lastStableOffset: 30 })
  assert.deepEqual(judgeOutcome(7, RANGE, fetched), { readOnAt: 13 })
})

test('the rest of the range is asked where its beginning is deleted or holds nothing of the transaction', async () => {
  const cluster = new ScriptedCluster().lead('t', 0, 1)
  const outcome = outcomeInLog(cluster, { producerId: 7, ranges: [RANGE] })
  const first = await cluster.next(Fetch)
  first.answer({ errorCode: 0, partitions: [fetchedPartition('t', 0, [], OUT_OF_RANGE)] })
  const earliest = await cluster.next(ListOffsets)
  earliest.answer([{ topic: 't', partition: 0, errorCode: 0, timestamp: -1, offset: 12 }])
  const second = await cluster.next(Fetch)
  assert.equal(second.input.targets[0]?.offset, 12)
  second.answer({ errorCode: 0, partitions: [fetchedPartition('t', 0, [data(12, 8)], { lastStableOffset: 30 })] })
  const third = await cluster.next(Fetch)
  assert.equal(third.input.targets[0]?.offset, 13)
  third.answer({ errorCode: 0, partitions: [fetchedPartition('t', 0, [data(13, 7)], { lastStableOffset: 30 })] })
  assert.equal(await outcome, 'committed')
})

test('gone when the partition begins behind the range', async () => {
  const cluster = new ScriptedCluster().lead('t', 0, 1)
  const outcome = outcomeInLog(cluster, { producerId: 7, ranges: [RANGE] })
  const request = await cluster.next(Fetch)
  request.answer({ errorCode: 0, partitions: [fetchedPartition('t', 0, [], OUT_OF_RANGE)] })
  const earliest = await cluster.next(ListOffsets)
  earliest.answer([{ topic: 't', partition: 0, errorCode: 0, timestamp: -1, offset: 15 }])
  assert.equal(await outcome, 'gone')
})

test('the log is asked until it tells; one partition is enough', async () => {
  const cluster = new ScriptedCluster().lead('t', 0, 1).lead('t', 1, 2)
  const outcome = outcomeInLog(cluster, { producerId: 7, ranges: [RANGE, { ...RANGE, partition: 1 }] })
  const first = await cluster.next(Fetch)
  assert.equal(first.input.readCommitted, true)
  assert.equal(first.input.targets[0]?.offset, 10)
  first.answer({
    errorCode: 0,
    partitions: [fetchedPartition('t', 0, [], OUT_OF_RANGE)],
  })
  const earliest = await cluster.next(ListOffsets)
  earliest.answer([{ topic: 't', partition: 0, errorCode: 0, timestamp: -1, offset: 50 }])
  const second = await cluster.next(Fetch)
  second.answer({ errorCode: 0, partitions: [fetchedPartition('t', 1, [], { lastStableOffset: 10 })] })
  const third = await cluster.next(Fetch)
  third.answer({ errorCode: 0, partitions: [fetchedPartition('t', 0, [data(10, 7)], { lastStableOffset: 16 })] })
  assert.equal(await outcome, 'committed')
})

test('undecided when time is up', async () => {
  const cluster = new ScriptedCluster().lead('t', 0, 1)
  const outcome = outcomeInLog(cluster, { producerId: 7, ranges: [RANGE] }, 20)
  const request = await cluster.next(Fetch)
  request.answer({ errorCode: 0, partitions: [fetchedPartition('t', 0, [], { lastStableOffset: 10 })] })
  assert.equal(await outcome, 'undecided')
})
