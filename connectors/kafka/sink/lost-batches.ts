/**
 * Reads back what an aborted transaction wrote to a partition. Aborted records stay in the log, hidden from readers of
 * committed data only, until retention, DeleteRecords or compaction removes them.
 *
 * They are told from others by the producer id and epoch of their batches. The abort marker is of no use: one that
 * Kafka wrote at the transaction's expiry carries a raised epoch (R25).
 */
import { backoffMs } from '../client/backoff.ts'
import type { ClusterAccess, Lane } from '../client/cluster-access.ts'
import { fetchOnce } from '../client/fetch-once.ts'
import type { PartitionRange } from '../client/producer-span.ts'
import type { ProducerIdAndEpoch } from '../client/transactions.ts'
import { type BatchHeader, readBatchHeader } from '../codec/record-batch-reader.ts'

const FETCH_BYTES = 1024 * 1024

export interface LostBatch {
  readonly header: BatchHeader
  /** What `header` was read from. */
  readonly buffer: Buffer
}

/**
 * The transaction's batches in the range that are left, in the order of the log. Deletion by offset leaves a batch whole that
 * it reaches into: all of its records can be read.
 * Waits for a leader as long as it takes: the caller's deadline bounds it.
 */
export async function* lostBatches(
  cluster: ClusterAccess,
  lane: Lane,
  { producerId, producerEpoch }: ProducerIdAndEpoch,
  range: PartitionRange,
): AsyncGenerator<LostBatch, void, void> {
  const { topic, partition, firstOffset, lastOffset } = range
  let offset = firstOffset
  for (let attempt = 0; offset <= lastOffset; ) {
    const target = { topic, partition, offset, maxBytes: FETCH_BYTES }
    const answered = await fetchOnce(cluster, lane, target, 'read_uncommitted')
    if (answered.kind === 'deleted') {
      offset = answered.startOffset
      continue
    }
    // A new leader may not have caught up yet: as long as it ends before the range, there is more to come.
    if (answered.kind === 'unavailable' || answered.fetched.highWatermark <= offset) {
      await cluster.clock.sleep(backoffMs(cluster, attempt++))
      continue
    }
    attempt = 0
    const { records } = answered.fetched
    const askedOffset = offset
    for (let at = 0; ; ) {
      const header = readBatchHeader(records, at)
      if (header === null) break
      at += header.byteLength
      offset = header.lastOffset + 1
      if (header.baseOffset > lastOffset) return
      const isOurs = header.producerId === producerId && header.producerEpoch === producerEpoch && !header.isControl
      if (isOurs && header.lastOffset >= firstOffset) yield { header, buffer: records }
    }
    // Compaction has removed all up to the end of the partition.
    if (offset === askedOffset) return
  }
}
