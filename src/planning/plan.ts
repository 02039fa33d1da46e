/** The capacity and interval advisor: what the figures of a job mean for its checkpoints and its recovery. Pure. */
import { longestTransactionMs } from '../config/transaction-timeout.ts'
import { changedEntries, checkpointDurationMs, fullBytes, incrementalBytes } from './checkpoint-size.ts'
import type { SourcedFigures } from './job-figures.ts'
import { leastFullIntervalMs, leastIntervalMs } from './least-interval.ts'
import type { PlanFindings } from './plan-findings.ts'
import type { PlanSettings } from './plan-settings.ts'
import { type PlanWarning, planWarnings } from './plan-warnings.ts'
import { longestIntervalMs, recoveryTime } from './recovery-time.ts'
import { retentionCost } from './retention-cost.ts'
import type { StoredSample } from './retention-trend.ts'

export interface Plan extends PlanFindings {
  readonly warnings: readonly PlanWarning[]
}

/** @param stored of earlier checkpoints, oldest first, where they are known */
export function makePlan(
  { figures, sources }: SourcedFigures,
  settings: PlanSettings,
  stored: readonly StoredSample[] = [],
): Plan {
  const { intervalMs, sessionTimeoutMs, recoveryTargetMs } = settings
  const changed = changedEntries(figures, intervalMs)
  const findings: PlanFindings = {
    figures,
    sources,
    fullBytes: fullBytes(figures),
    changedEntries: changed,
    incrementalBytes: incrementalBytes(figures, intervalMs),
    durationMs: checkpointDurationMs(figures, intervalMs),
    leastIntervalMs: leastIntervalMs(figures),
    leastFullIntervalMs: leastFullIntervalMs(figures),
    longestIntervalMs: recoveryTargetMs === null ? null : longestIntervalMs(figures, recoveryTargetMs, sessionTimeoutMs),
    longestTransactionMs: longestTransactionMs({
      checkpointIntervalMs: Math.max(intervalMs, settings.intervalMaxMs ?? 0),
      checkpointTimeoutMs: settings.timeoutMs,
      checkpointTolerableFailures: settings.tolerableFailures,
    }),
    workingSetBytes: changed * figures.heapEntryBytes,
    retention: retentionCost(figures, settings, settings.prices),
    recovery: recoveryTime(figures, settings),
  }
  return { ...findings, warnings: planWarnings(findings, settings, stored) }
}
