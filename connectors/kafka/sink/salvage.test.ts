import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMillraceError } from '../../../src/common/errors.ts'
import { KafkaCode } from '../client/kafka-errors.ts'
import { Fetch } from '../client/requests/fetch-request.ts'
import { ListOffsets } from '../client/requests/offset-requests.ts'
import { Sender } from '../client/sender.ts'
import { buildTestBatch, fetchedPartition, ScriptedCluster, type TestBatch } from '../client/testing.ts'
import type { KafkaCommittable } from './kafka-committable.ts'
import { lostBatches } from './lost-batches.ts'
import { salvagePart } from './salvage.ts'

const RANGE = { topic: 't', partition: 0, firstOffset: 10, lastOffset: 15, recordCount: 4 }
const LOST: KafkaCommittable = {
  id: 'app.0.1:7:3',
  transactionalId: 'app.0.1',
  producerId: 7,
  producerEpoch: 3,
  ranges: [RANGE],
}

function batch(baseOffset: number, values: string[], more: Partial<TestBatch> = {}): Buffer {
  return buildTestBatch({ baseOffset, values, producerId: 7, producerEpoch: 3, isTransactional: true, ...more })
}

/** The next fetch is answered with these batches; the partition ends at 40. */
async function answer(cluster: ScriptedCluster, offset: number, batches: readonly Buffer[]): Promise<void> {
  const request = await cluster.next(Fetch)
  assert.equal(request.input.readCommitted, false)
  assert.equal(request.input.targets[0]?.offset, offset)
  const fetched = fetchedPartition('t', 0, batches, { highWatermark: 40, lastStableOffset: 40 })
  request.answer({ errorCode: 0, partitions: [fetched] })
}

async function offsetsOf(cluster: ScriptedCluster): Promise<number[]> {
  const offsets: number[] = []
  const lane = cluster.openLane('test')
  for await (const { header } of lostBatches(cluster, lane, LOST, RANGE)) offsets.push(header.baseOffset)
  return offsets
}

test('only batches of the same producer id and epoch are of the transaction, no markers, none behind the range', async () => {
  const cluster = new ScriptedCluster().lead('t', 0, 1)
  const offsets = offsetsOf(cluster)
  await answer(cluster, 10, [
    batch(10, ['a', 'b']),
    batch(12, ['x'], { producerId: 8 }),
    batch(13, ['x'], { producerEpoch: 2 }),
  ])
  await answer(cluster, 14, [batch(14, ['c', 'd']), batch(16, [], { marker: 'abort', producerEpoch: 4 }), batch(17, ['x'])])
  assert.deepEqual(await offsets, [10, 14])
})

test('a leader that has not caught up, or does not know itself as such, is asked again', async () => {
  const cluster = new ScriptedCluster().lead('t', 0, 1)
  const offsets = offsetsOf(cluster)
  const first = await cluster.next(Fetch)
  first.answer({ errorCode: 0, partitions: [fetchedPartition('t', 0, [], { errorCode: KafkaCode.notLeaderOrFollower })] })
  const second = await cluster.next(Fetch)
  second.answer({ errorCode: 0, partitions: [fetchedPartition('t', 0, [], { highWatermark: 10 })] })
  await answer(cluster, 10, [batch(10, ['a', 'b', 'c', 'd', 'e', 'f'])])
  assert.deepEqual(await offsets, [10])
})

test('where a record is missing nothing is written, and the error counts what is left', async () => {
  const cluster = new ScriptedCluster().lead('t', 0, 1)
  const sender = new Sender(cluster)
  const identity = () => assert.fail('nothing is begun')
  const salvaging = salvagePart({ client: cluster, sender, identity }, LOST)
  const first = await cluster.next(Fetch)
  first.answer({
    errorCode: 0,
    partitions: [fetchedPartition('t', 0, [], { errorCode: KafkaCode.offsetOutOfRange, logStartOffset: -1 })],
  })
  const earliest = await cluster.next(ListOffsets)
  earliest.answer([{ topic: 't', partition: 0, errorCode: 0, timestamp: -1, offset: 12 }])
  // One of the three behind that is compacted away.
  await answer(cluster, 12, [batch(12, ['b', 'c'], { removedAtEnd: 1 }), batch(30, ['x'], { producerId: 8 })])
  await assert.rejects(salvaging, (error) => {
    assert.ok(isMillraceError(error, 'MR_TRANSACTION_LOST'))
    assert.match(error.message, /app\.0\.1:7:3.*: 2 of 4 records to t\/0 at offsets 10 to 15$/)
    return true
  })
  sender.close()
})
