/**
 * How a transaction ended, asked of the log itself (R25): the coordinator's answers don't always tell, and it forgets.
 *
 * A read_committed fetch from inside the range lists the aborted transactions that overlap what it returns. As long as
 * the last stable offset lies at or before the range's end, the transaction may still be open.
 */
import { readBatchHeader } from '../codec/record-batch-reader.ts'
import { backoffMs } from './backoff.ts'
import type { ClusterAccess, Lane } from './cluster-access.ts'
import { fetchOnce } from './fetch-once.ts'
import type { PartitionRange } from './producer-span.ts'
import type { FetchedPartition } from './requests/fetch-request.ts'

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
  for (let offset = range.firstOffset; ; ) {
    const target = { topic, partition, offset, maxBytes: MAX_FETCH_BYTES }
    const answered = await fetchOnce(cluster, lane, target, 'read_committed')
    switch (answered.kind) {
      case 'unavailable':
        return 'undecided'
      case 'deleted':
        offset = answered.startOffset
        break
      case 'fetched': {
        const judged = judgeOutcome(producerId, range, answered.fetched)
        if (typeof judged === 'string') return judged
        offset = judged.readOnAt
      }
    }
    if (offset > range.lastOffset) return 'gone'
  }
}

/**
 * What a read_committed fetch from the first offset of the range, or from one further on, tells; with `readOnAt` it holds
 * nothing of the transaction, and only the beginning of the rest of the range. Pure.
 */
export function judgeOutcome(
  producerId: number,
  range: PartitionRange,
  fetched: FetchedPartition,
): TransactionOutcome | { readonly readOnAt: number } {
  if (fetched.lastStableOffset <= range.lastOffset) return 'undecided'
  // A listed transaction reaches into the fetch, so one of this producer that began at or before the range covers it: a
  // producer has one transaction at a time.
  const isAborted = fetched.abortedTransactions.some(
    (aborted) => aborted.producerId === producerId && aborted.firstOffset <= range.firstOffset,
  )
  if (isAborted) return 'aborted'
  let readOnAt = -1
  for (let at = 0; ; ) {
    const header = readBatchHeader(fetched.records, at)
    if (header === null) break
    if (header.baseOffset > range.lastOffset) return 'gone'
    if (header.producerId === producerId && !header.isControl && header.lastOffset >= range.firstOffset) return 'committed'
    at += header.byteLength
    readOnAt = header.lastOffset + 1
  }
  // Nothing at all: compaction has removed the range and all behind it.
  return readOnAt < 0 ? 'gone' : { readOnAt }
}
