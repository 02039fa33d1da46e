/** What a worker with a memory budget tells of it. */
import type { MemoryUse } from '../planning/memory/memory-report.ts'

export interface MemoryStatus {
  /** Of the process. */
  readonly budgetBytes: number
  /** Of the process, at the last look. */
  readonly residentBytes: number
  /** What the shares of all its workers may come to. */
  readonly sharedBytes: number
  /** Bound of the entries on the heap, of its workers on average. */
  readonly meanCacheBytes: number
  /** Of this worker. */
  shareOf(use: MemoryUse): number
}
