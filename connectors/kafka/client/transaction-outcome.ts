/**
 * How a transaction ended, asked of the log itself (R25): the coordinator's answers don't always tell, and it forgets.
 *
 * A read_committed fetch from inside the range lists the aborted transactions that overlap what it returns. As long as
 * the last stable offset lies at or before the range's end, the transaction may still be open.
 */
import { readBatchHeader } from '../codec/record-batch-reader.ts'
import { backoffMs } from './backoff.ts'
import { isWorthRetrying, topicMissing } from './client-errors.ts'
import type { ClusterAccess, Lane } from './cluster-access.ts'
import { fetchError, judgeFetchError } from './fetch-errors.ts'
import { KafkaCode } from './kafka-errors.ts'
import type { PartitionRange } from './producer-span.ts'
import { Fetch, type FetchedPartition } from './requests/fetch-request.ts'

export type TransactionOutcome =
  | 'committed'
  | 'aborted'
  /** Not ended yet, or no leader could be asked within the time. Ask again; never guess. */
  | 'undecided'
  /** Ended, but the log no longer tells how: retention or compaction has removed every record of it. */
  | 'gone'

export interface LoggedTransaction {
  readonly producerId: number
  /** What it wrote; not empty. A transaction ends the same way in all of its partitions. */
  readonly ranges: readonly PartitionRange[]
}

const MAX_FETCH_BYTES = 64 * 1024
const ASK_AGAIN_MS = 100

export async function outcomeInLog(
  cluster: ClusterAccess,
  transaction: LoggedTransaction,
  timeoutMs = 30_000,
): Promise<TransactionOutcome> {
  const lane = cluster.openLane('transaction outcome')
  const { clock } = cluster
  const deadlineMs = clock.monotonicMs() + timeoutMs
  try {
    for (let attempt = 0; ; attempt++) {
      let gone = 0
      for (const range of transaction.ranges) {
        const outcome = await outcomeInPartition(cluster, lane, transaction.producerId, range)
        if (outcome === 'committed' || outcome === 'aborted') return outcome
        if (outcome === 'gone') gone++
      }
      if (gone === transaction.ranges.length) return 'gone'
      const waitMs = Math.min(backoffMs(cluster, attempt), ASK_AGAIN_MS)
      if (clock.monotonicMs() + waitMs >= deadlineMs) return 'undecided'
      await clock.sleep(waitMs)
    }
  } finally {
    lane.close()
  }
}

async function outcomeInPartition(
  cluster: ClusterAccess,
  lane: Lane,
  producerId: number,
  range: PartitionRange,
): Promise<TransactionOutcome> {
  const { topic, partition } = range
  try {
    const leader = cluster.leaderOf(topic, partition)
    if (leader === undefined) {
      await cluster.refreshMetadata([topic])
      const code = cluster.topicError(topic)
      if (code === KafkaCode.unknownTopicOrPartition) throw topicMissing(topic, code)
      return 'undecided'
    }
    const target = { topic, partition, offset: range.firstOffset, maxBytes: MAX_FETCH_BYTES }
    const input = { readCommitted: true, maxWaitMs: 0, minBytes: 0, maxBytes: MAX_FETCH_BYTES, targets: [target] }
    const answer = await cluster.request(leader, Fetch, input, { lane })
    const fetched = answer.partitions[0]
    if (answer.errorCode !== 0 || fetched === undefined) return 'undecided'
    if (fetched.errorCode === 0) return judgeOutcome(producerId, range, fetched)
    const verdict = judgeFetchError(fetched.errorCode)
    if (verdict === 'fatal') throw fetchError(fetched.errorCode, topic, partition)
    // Below the log's start: deleted. Beyond its end: a new leader that hasn't caught up, or a topic made anew.
    if (verdict === 'out-of-range' && fetched.logStartOffset > range.firstOffset) return 'gone'
    await cluster.refreshMetadata([topic])
    return 'undecided'
  } catch (error) {
    if (!isWorthRetrying(error)) throw error
    await cluster.refreshMetadata([topic]).catch(() => {})
    return 'undecided'
  }
}

/** What a read_committed fetch from the first offset of the range tells. Pure. */
export function judgeOutcome(producerId: number, range: PartitionRange, fetched: FetchedPartition): TransactionOutcome {
  if (fetched.lastStableOffset <= range.lastOffset) return 'undecided'
  // A listed transaction reaches into the fetch, so one of this producer that began at or before the range covers it: a
  // producer has one transaction at a time.
  const isAborted = fetched.abortedTransactions.some(
    (aborted) => aborted.producerId === producerId && aborted.firstOffset <= range.firstOffset,
  )
  if (isAborted) return 'aborted'
  for (let at = 0; ; ) {
    const header = readBatchHeader(fetched.records, at)
    if (header === null || header.baseOffset > range.lastOffset) return 'gone'
    if (header.producerId === producerId && !header.isControl && header.lastOffset >= range.firstOffset) return 'committed'
    at += header.byteLength
  }
}
