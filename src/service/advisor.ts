/**
 * The plan of the running job, made anew with each checkpoint that this worker completes as the leader: in metrics always,
 * and as warnings in the log, each again only after a while. One that comes and goes with single checkpoints is not told.
 */
import type { Clock } from '../common/clock.ts'
import type { Logger } from '../common/logger.ts'
import type { Config } from '../config/config.ts'
import { missingFigures, settleFigures } from '../planning/job-figures.ts'
import { makePlan, type Plan } from '../planning/plan.ts'
import type { PlanSettings } from '../planning/plan-settings.ts'
import { PLAN_WARNINGS, type PlanWarningCode } from '../planning/plan-warnings.ts'
import type { WorkerStatus } from '../runtime/worker-status.ts'
import { addFigureMetrics } from './figure-metrics.ts'
import { measuredFigures } from './measured-figures.ts'
import type { Metrics } from './metrics.ts'

export interface AdvisorParts {
  readonly status: WorkerStatus
  readonly config: Config
  readonly clock: Clock
  readonly logger: Logger
}

/** The first checkpoints of an epoch catch up, and tell little of what comes. */
const SETTLED_AFTER = 5
/** So many plans in a row must say the same. */
const IN_A_ROW = 3
const AGAIN_AFTER_MS = 60 * 60 * 1_000

export class Advisor {
  private readonly parts: AdvisorParts
  private latest: Plan | undefined
  private readonly inARow = new Map<PlanWarningCode, number>()
  private readonly toldAtMs = new Map<PlanWarningCode, number>()

  constructor(parts: AdvisorParts) {
    this.parts = parts
  }

  /** Undefined: this worker doesn't lead, or no state is stored yet. */
  get plan(): Plan | undefined {
    return this.parts.status.stored.length === 0 ? undefined : this.latest
  }

  /** A checkpoint is complete. */
  look(): void {
    const { status, config, clock } = this.parts
    const measured = measuredFigures(status, clock.monotonicMs())
    if (missingFigures(measured).length > 0) return
    this.latest = makePlan(settleFigures({}, measured, status.workers), settingsOf(config, status), status.stored)
    if (status.stored.length >= SETTLED_AFTER) this.warn(this.latest)
  }

  addMetrics(metrics: Metrics): void {
    const { status, clock } = this.parts
    addFigureMetrics(metrics, () => measuredFigures(status, clock.monotonicMs()))
    const gauge = (name: string, help: string, read: (plan: Plan) => number, labels = {}) =>
      metrics.gauge(
        `millrace_plan_${name}`,
        `${help}, as the leader reckons`,
        () => (this.plan === undefined ? Number.NaN : read(this.plan)),
        labels,
      )
    gauge('full_bytes', 'All live state', (plan) => plan.fullBytes)
    gauge('incremental_bytes', 'What a checkpoint writes', (plan) => plan.incrementalBytes)
    gauge('least_interval_seconds', 'The least sensible interval', (plan) => plan.leastIntervalMs / 1_000)
    gauge('stored_bytes', 'What retained checkpoints take', (plan) => plan.retention.storedBytes)
    gauge('written_bytes_per_day', 'What checkpoints and compaction write', (plan) => plan.retention.writtenBytesPerDay)
    const recovery = (kind: string, read: (plan: Plan) => number) =>
      gauge('recovery_seconds', 'How long a failover would take', (plan) => read(plan) / 1_000, { kind })
    recovery('mean', (plan) => plan.recovery.totalMeanMs)
    recovery('worst', (plan) => plan.recovery.totalWorstMs)
    for (const warning of Object.keys(PLAN_WARNINGS)) {
      const read = (plan: Plan) => Number(plan.warnings.some(({ code }) => code === warning))
      gauge('warning', 'Whether the plan warns of it', read, { warning })
    }
  }

  private warn({ warnings }: Plan): void {
    const nowMs = this.parts.clock.monotonicMs()
    const isWarned = new Set(warnings.map(({ code }) => code))
    for (const code of this.inARow.keys()) if (!isWarned.has(code)) this.inARow.delete(code)
    for (const { code, message, remedy } of warnings) {
      const count = (this.inARow.get(code) ?? 0) + 1
      this.inARow.set(code, count)
      const toldAtMs = this.toldAtMs.get(code) ?? Number.NEGATIVE_INFINITY
      if (count < IN_A_ROW || nowMs - toldAtMs < AGAIN_AFTER_MS) continue
      this.toldAtMs.set(code, nowMs)
      this.parts.logger.warn('plan-warning', { warning: code, reason: message, remedy })
    }
  }
}

function settingsOf(config: Config, status: WorkerStatus): PlanSettings {
  const { workers } = status
  return {
    intervalMs: status.intervalMs,
    intervalMaxMs: config.checkpointIntervalMaxMs || null,
    timeoutMs: config.checkpointTimeoutMs,
    tolerableFailures: config.checkpointTolerableFailures,
    // `auto` is what the brokers allow: it was checked at the start.
    transactionTimeoutMs:
      config.delivery === 'exactly-once' && config.transactionTimeoutMs > 0 ? config.transactionTimeoutMs : null,
    retained: config.checkpointsRetained,
    workers,
    sessionTimeoutMs: config.sessionTimeoutMs,
    cacheBytes:
      workers * (status.memory?.meanCacheBytes ?? status.observed?.state.cache.capacityBytes ?? config.stateCacheBytes),
    recoveryTargetMs: config.recoveryTargetMs === 0 ? null : config.recoveryTargetMs,
    prices: null,
  }
}
