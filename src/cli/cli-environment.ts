/** What the command line is given from outside: streams, signals, and what only the wiring of connectors can make. */
import type { JobDefinition } from '../api/define-job.ts'
import type { Clock } from '../common/clock.ts'
import type { Logger } from '../common/logger.ts'
import { type Config, OPTION_KEYS, optionOf } from '../config/config.ts'
import type { Resolved } from '../config/resolved.ts'
import type { CheckpointStorage } from '../ports/checkpoint-storage.ts'
import type { ControlLog } from '../ports/control-log.ts'
import type { GatheredMetrics } from '../service/gathered-metrics.ts'
import type { Health } from '../service/health.ts'
import type { Log } from '../service/logging.ts'

export type OutputStream = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number }

/** On a terminal, unless NO_COLOR is set (no-color.org). */
export function isColoured(stream: OutputStream, env: CliEnvironment['env']): boolean {
  return stream.isTTY === true && !env.NO_COLOR
}

export interface SignalSource {
  on(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown
  off(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown
}

export interface StartContext {
  readonly job: JobDefinition
  /** Where it was loaded from, as the user wrote it: relative to `directory`. */
  readonly file: string
  readonly directory: string
  readonly resolved: Resolved
  readonly log: Log
  readonly logger: Logger
  readonly metrics: GatheredMetrics
  /** The job enters `restoring` and `running` here, and tells completed checkpoints; the command sets the end. */
  readonly health: Health
}

export type JobEnd = { readonly ok: true } | { readonly ok: false; readonly error: Error }

export interface RunningJob {
  /** Settles once, never rejects. */
  readonly done: Promise<JobEnd>
  /** Takes a final checkpoint and ends; `done` settles after it. May be called at any time, more than once. */
  stop(reason: string): Promise<void>
}

/** Resolves as soon as the job can be stopped: restoring goes on behind it. */
export type StartJob = (context: StartContext) => Promise<RunningJob>

export const STORAGE_OPTION_KEYS = [
  'checkpoints',
  's3Endpoint',
  's3Region',
  's3PathStyle',
  's3AccessKeyId',
  's3SecretAccessKey',
] as const

export type StorageConfig = Readonly<Pick<Config, (typeof STORAGE_OPTION_KEYS)[number]>>

/** What a plan depends on, without that which settles the delivery. */
export const PLAN_OPTION_KEYS = [
  'checkpointIntervalMs',
  'checkpointIntervalMaxMs',
  'checkpointTimeoutMs',
  'checkpointTolerableFailures',
  'checkpointsRetained',
  'transactionTimeoutMs',
  'workers',
  'sessionTimeoutMs',
  'stateCacheBytes',
  'stateBackend',
  'memoryBudget',
  'recoveryTargetMs',
] as const

/** What it takes to reach the control log of a job. */
export const CONTROL_OPTION_KEYS = OPTION_KEYS.filter((key) => optionOf(key).group === 'kafka')

/** Of the options only those of Kafka are known. */
export type OpenControlLog = (applicationId: string, config: Config) => Promise<OpenedControlLog>

export interface OpenedControlLog {
  readonly log: ControlLog
  close(): Promise<void>
}

export interface CliEnvironment {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The working directory: job files and config files are relative to it. */
  readonly directory: string
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  readonly signals: SignalSource
  readonly clock: Clock
  readonly startJob: StartJob
  readonly openStorage: (config: StorageConfig) => Promise<CheckpointStorage>
  /** Rejects with MR_CONTROL_LOG_NOT_FOUND where the job has none. */
  readonly openControlLog: OpenControlLog
}
