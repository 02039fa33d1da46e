/**
 * How long a failover takes: detection + restart + restore + replay. Input of the time behind the last completed cut is
 * processed once more: a cut counts once its checkpoint is complete, so at a random moment it lies between one duration
 * and one interval and a duration back.
 */
import { checkpointDurationMs, fullBytes, transferMs } from './checkpoint-size.ts'
import type { JobFigures } from './job-figures.ts'

export interface RecoveryTime {
  /** Until Kafka counts the worker as dead: the session timeout. */
  readonly detectionMs: number
  readonly restartMs: number
  readonly restoreMs: number
  readonly replayMeanMs: number
  readonly replayWorstMs: number
  readonly totalMeanMs: number
  readonly totalWorstMs: number
  /** Until what came in meanwhile is processed too, at worst; infinite where capacity leaves nothing over. */
  readonly caughtUpMs: number
}

export interface RecoverySettings {
  readonly intervalMs: number
  readonly sessionTimeoutMs: number
}

export function recoveryTime(figures: JobFigures, { intervalMs, sessionTimeoutMs }: RecoverySettings): RecoveryTime {
  const { restartMs } = figures
  const restoreMs = restoreTimeMs(figures)
  const durationMs = checkpointDurationMs(figures, intervalMs)
  const replayMeanMs = replayTimeMs(figures, intervalMs / 2 + durationMs)
  const replayWorstMs = replayTimeMs(figures, intervalMs + durationMs)
  const downMs = sessionTimeoutMs + restartMs + restoreMs
  return {
    detectionMs: sessionTimeoutMs,
    restartMs,
    restoreMs,
    replayMeanMs,
    replayWorstMs,
    totalMeanMs: downMs + replayMeanMs,
    totalWorstMs: downMs + replayWorstMs,
    caughtUpMs: downMs + backlogTimeMs(figures, downMs + intervalMs + durationMs),
  }
}

export function restoreTimeMs(figures: JobFigures): number {
  return transferMs(fullBytes(figures) * figures.restoreFactor, figures.restoreBytesPerSecond)
}

/** Of the input of so long. */
export function replayTimeMs({ inputPerSecond, capacityPerSecond }: JobFigures, windowMs: number): number {
  if (inputPerSecond <= 0) return 0
  return capacityPerSecond <= 0 ? Number.POSITIVE_INFINITY : (windowMs * inputPerSecond) / capacityPerSecond
}

/** The same while new input goes on coming. */
function backlogTimeMs({ inputPerSecond, capacityPerSecond }: JobFigures, windowMs: number): number {
  if (inputPerSecond <= 0) return 0
  const spare = capacityPerSecond - inputPerSecond
  return spare <= 0 ? Number.POSITIVE_INFINITY : (windowMs * inputPerSecond) / spare
}

/** The longest interval with which the worst recovery stays within the target; 0: none does. */
export function longestIntervalMs(figures: JobFigures, targetMs: number, sessionTimeoutMs: number): number {
  const worstMs = (intervalMs: number) => recoveryTime(figures, { intervalMs, sessionTimeoutMs }).totalWorstMs
  if (worstMs(0) > targetMs) return 0
  let within = 0
  let beyond = DAY_MS
  if (worstMs(beyond) <= targetMs) return beyond
  while (beyond - within > 1) {
    const middle = (within + beyond) / 2
    if (worstMs(middle) <= targetMs) within = middle
    else beyond = middle
  }
  return within
}

const DAY_MS = 24 * 60 * 60 * 1_000
