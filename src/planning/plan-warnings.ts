/** What a plan warns of: each with the figures that say so and what to do. */
import { formatDurationMs } from '../config/units.ts'
import type { PlanFindings } from './plan-findings.ts'
import type { PlanSettings } from './plan-settings.ts'
import { isRetentionGrowing, type StoredSample } from './retention-trend.ts'

export const PLAN_WARNINGS = {
  'interval-below-least': 'Lengthen checkpoint-interval, or let it adapt itself: checkpoint-interval-max.',
  'timeout-below-duration': 'Raise checkpoint-timeout, or add workers: each uploads its own part.',
  'transaction-timeout': 'Shorten checkpoint-interval or checkpoint-timeout, or raise transaction-timeout.',
  'cache-below-working-set': 'Raise state-cache-bytes or memory-budget, or add workers.',
  'retention-growing': 'Turn compaction-share on or raise it, and look for failures in millrace_compaction_failures_total.',
  'recovery-above-target': 'Shorten checkpoint-interval or session-timeout, add workers, or keep local state across restarts.',
  'no-headroom': 'Add workers: behind a failure the job would never catch up.',
} as const

export type PlanWarningCode = keyof typeof PLAN_WARNINGS

export interface PlanWarning {
  readonly code: PlanWarningCode
  readonly message: string
  readonly remedy: string
}

/** Below this share left over, catching up takes more than ten times what was missed. */
const LEAST_HEADROOM = 0.1

export function planWarnings(plan: PlanFindings, settings: PlanSettings, stored: readonly StoredSample[]): PlanWarning[] {
  const warnings: PlanWarning[] = []
  const warn = (code: PlanWarningCode, message: string) => warnings.push({ code, message, remedy: PLAN_WARNINGS[code] })
  const { figures, recovery } = plan
  const { intervalMs, timeoutMs } = settings
  if (intervalMs < plan.leastIntervalMs) {
    warn(
      'interval-below-least',
      `a checkpoint every ${text(intervalMs)} is more often than the storage takes: ${text(plan.leastIntervalMs)} at least`,
    )
  }
  if (plan.durationMs > timeoutMs) {
    warn('timeout-below-duration', `a checkpoint takes ${text(plan.durationMs)}, but is given up after ${text(timeoutMs)}`)
  }
  if (settings.transactionTimeoutMs !== null && plan.longestTransactionMs >= settings.transactionTimeoutMs) {
    warn(
      'transaction-timeout',
      `a transaction may have to stay open for ${text(plan.longestTransactionMs)}, but Kafka aborts it after ${text(settings.transactionTimeoutMs)}`,
    )
  }
  if (plan.workingSetBytes > settings.cacheBytes) {
    warn(
      'cache-below-working-set',
      `the entries that change within an interval take ${mib(plan.workingSetBytes)} of heap, the caches have ${mib(settings.cacheBytes)}`,
    )
  }
  if (isRetentionGrowing(stored)) {
    const last = stored.at(-1)!
    warn(
      'retention-growing',
      `the files of checkpoints grow faster than the state: ${mib(last.storedBytes)} for ${mib(last.liveBytes)} of it`,
    )
  }
  if (settings.recoveryTargetMs !== null && recovery.totalWorstMs > settings.recoveryTargetMs) {
    const longest = plan.longestIntervalMs === null || plan.longestIntervalMs < plan.leastIntervalMs
    warn(
      'recovery-above-target',
      `a recovery takes up to ${text(recovery.totalWorstMs)}, the target is ${text(settings.recoveryTargetMs)}` +
        (longest ? '; no interval alone would do' : `; an interval of ${text(plan.longestIntervalMs!)} would do`),
    )
  }
  if (figures.inputPerSecond > 0 && figures.capacityPerSecond < figures.inputPerSecond * (1 + LEAST_HEADROOM)) {
    warn(
      'no-headroom',
      `${Math.round(figures.inputPerSecond)} records come in a second and ${Math.round(figures.capacityPerSecond)} can be processed`,
    )
  }
  return warnings
}

function text(ms: number): string {
  if (!Number.isFinite(ms)) return 'for ever'
  // Three digits or so, in a form that options take.
  const stepMs = ms < 1_000 ? 1 : ms < 60_000 ? 100 : 1_000
  return formatDurationMs(Math.ceil(ms / stepMs) * stepMs)
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)}MiB`
}
