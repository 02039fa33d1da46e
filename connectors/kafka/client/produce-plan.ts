/** Which batches go out now, in which requests. Decides; sends nothing. */
import { assert } from '../../../src/common/assert.ts'
import type { InFlightCounts } from './in-flight-counts.ts'
import type { PartitionAppender } from './partition-appender.ts'
import type { QueuedBatch } from './partition-queue.ts'
import type { ProducerIdentity } from './producer.ts'

export interface ProduceLimits {
  readonly maxRequestBytes: number
  readonly maxInFlightPerBroker: number
  readonly lingerMs: number
}

/** One request to be: batches of one identity, at most one a partition. */
export interface ProduceDraft {
  readonly broker: number
  readonly identity: ProducerIdentity
  readonly entries: Array<{ readonly appender: PartitionAppender; readonly batch: QueuedBatch }>
  bytes: number
}

export interface ProducePlan {
  readonly drafts: readonly ProduceDraft[]
  /** Something could go, but nobody knows its leader. */
  readonly isLeaderless: boolean
  /** Monotonic time at which more may be due without any other event. */
  readonly wakeAtMs: number
}

/**
 * At most one request for each broker and identity; to be asked again until it has none. Seals an open batch only when
 * it can go in this very moment: until then it may grow.
 */
export function planProduce(
  appenders: Iterable<PartitionAppender>,
  leaderOf: (topic: string, partition: number) => number | undefined,
  inFlight: InFlightCounts,
  limits: ProduceLimits,
  nowMs: number,
  isFlushing: boolean,
): ProducePlan {
  const drafts: ProduceDraft[] = []
  let isLeaderless = false
  let wakeAtMs = Number.POSITIVE_INFINITY
  for (const appender of appenders) {
    const { queue } = appender
    // Behind sealed batches the open one isn't due: it gets its turn when they are gone.
    const openShare = queue.unsentCount > 0 ? undefined : appender.openShare
    if (queue.unsentCount === 0 && openShare === undefined) continue
    if (openShare !== undefined && !isFlushing) {
      const ripeAtMs = (appender.openedAtMs ?? nowMs) + limits.lingerMs
      if (ripeAtMs > nowMs) {
        wakeAtMs = Math.min(wakeAtMs, ripeAtMs)
        continue
      }
    }
    const broker = leaderOf(appender.topic, appender.partition)
    if (broker === undefined) {
      isLeaderless = true
      continue
    }
    if (queue.notBeforeMs > nowMs) {
      wakeAtMs = Math.min(wakeAtMs, queue.notBeforeMs)
      continue
    }
    const share = openShare ?? queue.firstUnsent?.share
    assert(share !== undefined, 'an appender with something to send has a batch')
    const { identity } = share.span
    if (inFlight.get(broker, identity) >= limits.maxInFlightPerBroker) continue
    if (!queue.admits(share, broker, limits.maxInFlightPerBroker)) continue
    let draft = drafts.find((candidate) => candidate.broker === broker && candidate.identity === identity)
    const bytes = openShare === undefined ? (queue.firstUnsent?.sealed.buffer.length ?? 0) : appender.openBytes
    if (draft !== undefined && draft.bytes + bytes > limits.maxRequestBytes) continue
    if (openShare !== undefined) appender.seal()
    const batch = queue.firstUnsent
    assert(batch !== undefined, 'a sealed batch stands in the queue')
    if (draft === undefined) drafts.push((draft = { broker, identity, entries: [], bytes: 0 }))
    draft.entries.push({ appender, batch })
    draft.bytes += batch.sealed.buffer.length
  }
  return { drafts, isLeaderless, wakeAtMs }
}
