/** What a worker with a memory budget tells of it. */
import type { MemoryUse } from '../planning/memory/initial-shares.ts'

export interface MemoryStatus {
  /** Of the process. */
  readonly budgetBytes: number
  /** Of the process, at the last look. */
  readonly residentBytes: number
  /** Of this worker. */
  shareOf(use: MemoryUse): number
}
