/** Whether storage grows although the state doesn't: files that nothing compacts or deletes. */
import { mean } from '../common/averages.ts'

export interface StoredSample {
  /** Of all files that the newest checkpoint refers to. */
  readonly storedBytes: number
  readonly liveBytes: number
}

/** Fewer tell of no trend. */
const LEAST_SAMPLES = 6
/** Less is worth no warning. */
const LEAST_STORED_BYTES = 16 * 2 ** 20
/** Between two compactions the factor rises and falls by as much. */
const GROWTH = 1.5
/** Compaction keeps below this (docs/design/0007-compaction.md). */
const HEALTHY_FACTOR = 2.5

/** @param samples of completed checkpoints, oldest first */
export function isRetentionGrowing(samples: readonly StoredSample[]): boolean {
  if (samples.length < LEAST_SAMPLES) return false
  if ((samples.at(-1)?.storedBytes ?? 0) < LEAST_STORED_BYTES) return false
  const factors = samples.map(({ storedBytes, liveBytes }) => storedBytes / Math.max(liveBytes, 1))
  const third = Math.floor(factors.length / 3)
  const before = mean(factors.slice(0, third))
  const middle = mean(factors.slice(third, -third))
  const after = mean(factors.slice(-third))
  return after > HEALTHY_FACTOR && after > GROWTH * before && middle > before && after > middle
}
