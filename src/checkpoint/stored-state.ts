/** How much of what a checkpoint refers to is live state: from its metadata alone, without reading segments. */
import { runsOf, sumBytes } from './compaction-policy.ts'
import type { CheckpointMetadata } from './metadata.ts'

export interface StoredState {
  /** All files that the checkpoint refers to, whole. */
  readonly storedBytes: number
  /** What a restore reads. */
  readonly chainBytes: number
  /** About what is live: of each chain the largest run, as compaction reckons. */
  readonly liveBytes: number
  readonly liveEntries: number
  /** Of the checkpoint's own changes; 0 where its epoch changed nothing. */
  readonly changedEntries: number
  readonly changedBytes: number
}

export interface StateFactors {
  /** Bytes of all files that it refers to, of those of live state; null: there is none. Compaction keeps it below 2.5. */
  readonly storageFactor: number | null
  /** Bytes that a restore reads, of those of live state; likewise. */
  readonly restoreFactor: number | null
}

export function stateFactors({ liveBytes, storedBytes, chainBytes }: StoredState): StateFactors {
  const ofLive = (bytes: number) => (liveBytes > 0 ? bytes / liveBytes : null)
  return { storageFactor: ofLive(storedBytes), restoreFactor: ofLive(chainBytes) }
}

export function storedState({ segments, chains, checkpoint }: CheckpointMetadata): StoredState {
  const sums = { chainBytes: 0, liveBytes: 0, liveEntries: 0, changedEntries: 0, changedBytes: 0 }
  for (const chain of Object.values(chains)) {
    const links = chain.map((link) => ({ ...link, path: String(link.segment) }))
    sums.chainBytes += sumBytes(links)
    const [largest] = runsOf(links).sort((a, b) => b.bytes - a.bytes)
    sums.liveBytes += largest?.bytes ?? 0
    for (const link of largest?.links ?? []) sums.liveEntries += link.entries
    for (const { segment, merged, entries, bytes } of chain) {
      if (merged !== undefined || segments[segment]?.since !== checkpoint) continue
      sums.changedEntries += entries
      sums.changedBytes += bytes
    }
  }
  return { storedBytes: sumBytes(segments), ...sums }
}
