/** What figures and settings of a job come to. Sizes are bytes, times milliseconds. */
import type { FigureName, FigureSource, JobFigures } from './job-figures.ts'
import type { RecoveryTime } from './recovery-time.ts'
import type { RetentionCost } from './retention-cost.ts'

export interface PlanFindings {
  readonly figures: JobFigures
  readonly sources: Readonly<Record<FigureName, FigureSource>>
  readonly fullBytes: number
  readonly changedEntries: number
  readonly incrementalBytes: number
  /** Of one checkpoint, expected. */
  readonly durationMs: number
  readonly leastIntervalMs: number
  /** If each checkpoint were of full size. */
  readonly leastFullIntervalMs: number
  /** That keeps the recovery target; null: there is no target. 0: none does. */
  readonly longestIntervalMs: number | null
  readonly longestTransactionMs: number
  /** Heap of the entries that change within an interval. */
  readonly workingSetBytes: number
  readonly retention: RetentionCost
  readonly recovery: RecoveryTime
}
