/** One look at a partition, for whoever reads back a piece of the log: no buffering, no position, no waiting. */
import { listOffsets } from './admin.ts'
import { isWorthRetrying, topicMissing } from './client-errors.ts'
import type { ClusterAccess, Lane } from './cluster-access.ts'
import { fetchError, judgeFetchError } from './fetch-errors.ts'
import { KafkaCode } from './kafka-errors.ts'
import { Fetch, type FetchedPartition, type FetchTarget } from './requests/fetch-request.ts'

export type FetchedOnce =
  | { readonly kind: 'fetched'; readonly fetched: FetchedPartition }
  /** The partition begins behind the offset asked for: what lay there is deleted. */
  | { readonly kind: 'deleted'; readonly startOffset: number }
  /** No leader, none that answers, or one that has not caught up. Ask again. */
  | { readonly kind: 'unavailable' }

const UNAVAILABLE: FetchedOnce = { kind: 'unavailable' }

/** Rejects with what asking again will not mend: a topic that is missing, or not allowed to be read. */
export async function fetchOnce(
  cluster: ClusterAccess,
  lane: Lane,
  target: FetchTarget,
  isolation: 'read_committed' | 'read_uncommitted',
): Promise<FetchedOnce> {
  const { topic } = target
  try {
    const answered = await ask(cluster, lane, target, isolation === 'read_committed')
    if (answered.kind === 'unavailable') await cluster.refreshMetadata([topic])
    return answered
  } catch (error) {
    if (!isWorthRetrying(error)) throw error
    await cluster.refreshMetadata([topic]).catch(() => {})
    return UNAVAILABLE
  }
}

async function ask(cluster: ClusterAccess, lane: Lane, target: FetchTarget, readCommitted: boolean): Promise<FetchedOnce> {
  const { topic, partition, offset, maxBytes } = target
  let leader = cluster.leaderOf(topic, partition)
  if (leader === undefined) {
    await cluster.refreshMetadata([topic])
    const code = cluster.topicError(topic)
    if (code === KafkaCode.unknownTopicOrPartition) throw topicMissing(topic, code)
    leader = cluster.leaderOf(topic, partition)
    if (leader === undefined) return UNAVAILABLE
  }
  const input = { readCommitted, maxWaitMs: 0, minBytes: 0, maxBytes, targets: [target] }
  const answer = await cluster.request(leader, Fetch, input, { lane })
  const fetched = answer.partitions[0]
  // A broker that throttles the client answers without partitions.
  if (answer.errorCode !== 0 || fetched === undefined) return UNAVAILABLE
  if (fetched.errorCode === 0) return { kind: 'fetched', fetched }
  const verdict = judgeFetchError(fetched.errorCode)
  if (verdict === 'fatal') throw fetchError(fetched.errorCode, topic, partition)
  if (verdict !== 'out-of-range') return UNAVAILABLE
  // Beside this error brokers leave the start offset of the log out (-1, seen on 4.1.0).
  const [earliest] = await listOffsets(cluster, [{ topic, partition }], 'earliest')
  // Not below the start, so beyond the end: a new leader that hasn't caught up, or a topic made anew.
  if (earliest === undefined || earliest.offset <= offset) return UNAVAILABLE
  return { kind: 'deleted', startOffset: earliest.offset }
}
