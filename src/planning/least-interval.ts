/**
 * The least sensible interval: at anything shorter a checkpoint is due before the one before it is stored. For checkpoints
 * of full size it is size ÷ transfer rate; of an incremental one the size depends on the interval itself.
 */
import { checkpointDurationMs, fullBytes, transferMs } from './checkpoint-size.ts'
import type { JobFigures } from './job-figures.ts'

/** Of incremental checkpoints, with what a checkpoint takes beside its upload. */
export function leastIntervalMs(figures: JobFigures): number {
  // The duration is concave in the interval, above it at 0 and bounded: it meets the interval exactly once, below the bound.
  let above = figures.overheadMs + transferMs(fullBytes(figures), figures.uploadBytesPerSecond)
  if (!Number.isFinite(above)) return above
  let below = 0
  for (let step = 0; step < 100 && above - below > 1e-3; step++) {
    const middle = (below + above) / 2
    if (checkpointDurationMs(figures, middle) > middle) below = middle
    else above = middle
  }
  return above
}

/** If each checkpoint were of full size: the formula of the field as it is. */
export function leastFullIntervalMs(figures: JobFigures): number {
  return figures.overheadMs + transferMs(fullBytes(figures), figures.uploadBytesPerSecond)
}
