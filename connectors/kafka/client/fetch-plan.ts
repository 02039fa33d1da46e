/** Which partitions are fetched from which broker now. Decides; sends nothing. */
import type { FetchPartition } from './fetch-partition.ts'

export interface FetchDraft {
  readonly broker: number
  readonly partitions: FetchPartition[]
  /** Some partition of the broker is left out because enough of it is unread: news of it must not wait long. */
  isPartial: boolean
}

export interface FetchPlan {
  readonly drafts: readonly FetchDraft[]
  /** Something could be fetched, but nobody knows its leader. */
  readonly isLeaderless: boolean
  /** Something is left out until the reader has read more. */
  readonly isHeldBack: boolean
}

/** `isBusy`: the broker has a fetch already, or is left alone for a moment. */
export function planFetches(
  partitions: readonly FetchPartition[],
  leaderOf: (topic: string, partition: number) => number | undefined,
  isBusy: (broker: number) => boolean,
  maxBytesPerPartition: number,
): FetchPlan {
  const drafts: FetchDraft[] = []
  const fullAt = new Set<number>()
  let isLeaderless = false
  for (const partition of partitions) {
    if (partition.isSuspended || partition.isEvicted) continue
    const broker = leaderOf(partition.topic, partition.partition)
    if (broker === undefined) {
      isLeaderless = true
      continue
    }
    // Of a paused partition one answer is kept ready.
    if (isBusy(broker) || (partition.isPaused && partition.hasBuffered)) continue
    if (partition.bufferedBytes > maxBytesPerPartition) {
      fullAt.add(broker)
      continue
    }
    const draft = drafts.find((candidate) => candidate.broker === broker)
    if (draft === undefined) drafts.push({ broker, partitions: [partition], isPartial: false })
    else draft.partitions.push(partition)
  }
  for (const draft of drafts) draft.isPartial = fullAt.has(draft.broker)
  return { drafts, isLeaderless, isHeldBack: fullAt.size > 0 }
}
