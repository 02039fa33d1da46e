/** What compaction has done, and how long the chains of this worker are. Plain numbers, for metrics. */
export interface CompactionStatistics {
  /** Merges that a completed checkpoint holds. */
  merges: number
  failures: number
  readBytes: number
  writtenBytes: number
  /** Of the event loop. */
  busyMs: number
  /** What a restore of this worker's tasks would read, and about how much of it is live. */
  chainBytes: number
  liveBytes: number
  links: number
}

export function noCompaction(): CompactionStatistics {
  return { merges: 0, failures: 0, readBytes: 0, writtenBytes: 0, busyMs: 0, chainBytes: 0, liveBytes: 0, links: 0 }
}
