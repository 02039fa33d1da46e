import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMillraceError } from '../../../src/common/errors.ts'
import { FetchPartition } from './fetch-partition.ts'
import type { FetchedBatch } from './fetched-batch.ts'
import { buildTestBatch, fetchedPartition } from './testing.ts'

function valuesOf(batch: FetchedBatch | undefined): string[] | null | undefined {
  if (batch === undefined) return undefined
  const { records } = batch
  if (records === null) return null
  return Array.from(records.valueStart, (start, index) => records.buffer.toString('utf8', start, records.valueEnd[index]))
}

const A = buildTestBatch({ baseOffset: 0, values: ['a0', 'a1', 'a2'], producerId: 1, baseSequence: 0 })
const B = buildTestBatch({ baseOffset: 3, values: ['b3'], producerId: 2, baseSequence: 5 })

test('batches come one by one, with header and next offset', () => {
  const partition = new FetchPartition('t', 0, 0, false)
  partition.accept(fetchedPartition('t', 0, [A, B]))
  assert.equal(partition.fetchOffset, 4)
  const first = partition.next()
  assert.deepEqual(valuesOf(first), ['a0', 'a1', 'a2'])
  assert.equal(first?.header?.producerId, 1)
  assert.equal(first?.nextOffset, 3)
  assert.equal(partition.position, 3)
  const second = partition.next()
  assert.deepEqual(valuesOf(second), ['b3'])
  assert.equal(second?.header?.baseSequence, 5)
  assert.equal(partition.next(), undefined)
  assert.equal(partition.bufferedBytes, 0)
})

test('records before the asked offset are dropped from the first batch', () => {
  const partition = new FetchPartition('t', 0, 2, false)
  partition.accept(fetchedPartition('t', 0, [A, B]))
  const first = partition.next()
  assert.deepEqual(valuesOf(first), ['a2'])
  assert.equal(first?.records?.offsets[0], 2)
  assert.deepEqual(valuesOf(partition.next()), ['b3'])
})

test('a part of a batch at the end is left for the next fetch', () => {
  const partition = new FetchPartition('t', 0, 0, false)
  for (const cut of [1, 11, 30, 60, B.length - 1]) {
    partition.discard()
    const fetched = fetchedPartition('t', 0, [A])
    partition.accept({ ...fetched, records: Buffer.concat([A, B.subarray(0, cut)]) })
    assert.equal(partition.fetchOffset, 3)
  }
  assert.deepEqual(valuesOf(partition.next()), ['a0', 'a1', 'a2'])
  assert.equal(partition.next(), undefined)
})

test('markers and aborted batches become one advance, or go unseen before a batch with records', () => {
  const aborted = buildTestBatch({ baseOffset: 0, values: ['x', 'y'], producerId: 9, isTransactional: true })
  const marker = buildTestBatch({ baseOffset: 2, values: [], producerId: 9, marker: 'abort' })
  const abortedTransactions = [{ producerId: 9, firstOffset: 0 }]
  const partition = new FetchPartition('t', 0, 0, true)
  partition.accept(fetchedPartition('t', 0, [aborted, marker], { abortedTransactions }))
  const advance = partition.next()
  assert.equal(advance?.records, null)
  assert.equal(advance?.header, null)
  assert.equal(advance?.nextOffset, 3)

  const again = new FetchPartition('t', 0, 0, true)
  again.accept(fetchedPartition('t', 0, [aborted, marker, B], { abortedTransactions }))
  const batch = again.next()
  assert.deepEqual(valuesOf(batch), ['b3'])
  assert.equal(batch?.nextOffset, 4)

  const uncommitted = new FetchPartition('t', 0, 0, false)
  uncommitted.accept(fetchedPartition('t', 0, [aborted, marker]))
  assert.deepEqual(valuesOf(uncommitted.next()), ['x', 'y'])
  assert.equal(uncommitted.next()?.nextOffset, 3)
})

test('offsets that compaction removed are passed: between batches, at the end of one, and all of one', () => {
  const gapBehind = buildTestBatch({ baseOffset: 10, values: ['k'], removedAtEnd: 4 })
  const later = buildTestBatch({ baseOffset: 40, values: ['l'] })
  const partition = new FetchPartition('t', 0, 0, true)
  partition.accept(fetchedPartition('t', 0, [gapBehind, later]))
  assert.equal(partition.next()?.nextOffset, 15)
  assert.deepEqual(valuesOf(partition.next()), ['l'])
  assert.equal(partition.position, 41)
})

test('an offset in the removed end of a batch gives an advance and no record', () => {
  const partition = new FetchPartition('t', 0, 12, true)
  partition.accept(fetchedPartition('t', 0, [buildTestBatch({ baseOffset: 10, values: ['k'], removedAtEnd: 4 })]))
  const advance = partition.next()
  assert.equal(advance?.records, null)
  assert.equal(advance?.nextOffset, 15)
})

test('a damaged batch is an error with its place, and can be fetched again', () => {
  const damaged = Buffer.from(A)
  damaged[damaged.length - 1] = (damaged.at(-1) as number) ^ 1
  const partition = new FetchPartition('orders', 3, 0, true)
  partition.accept(fetchedPartition('orders', 3, [damaged, B]))
  assert.throws(
    () => partition.next(),
    (error) =>
      isMillraceError(error, 'MR_KAFKA_CORRUPT_BATCH') && /orders-3/.test(error.message) && error.details.position === 0,
  )
  partition.discard()
  assert.equal(partition.fetchOffset, 0)
  assert.equal(partition.bufferedBytes, 0)
  partition.accept(fetchedPartition('orders', 3, [A, B]))
  assert.deepEqual(valuesOf(partition.next()), ['a0', 'a1', 'a2'])
})

test('an answer that holds no whole batch is an error, not a fetch for ever', () => {
  const partition = new FetchPartition('t', 0, 0, true)
  for (const records of [A.subarray(0, 40), A.subarray(0, 5), Buffer.alloc(100)]) {
    assert.throws(
      () => partition.accept({ ...fetchedPartition('t', 0, []), records }),
      (error) => isMillraceError(error, 'MR_KAFKA_CORRUPT_BATCH'),
    )
  }
})

test('old message formats are refused by name', () => {
  const old = Buffer.from(A)
  old[16] = 1
  const partition = new FetchPartition('t', 0, 0, true)
  assert.throws(
    () => partition.accept(fetchedPartition('t', 0, [old])),
    (error) => isMillraceError(error, 'MR_KAFKA_OLD_MESSAGE_FORMAT'),
  )
})
