/** What /healthz tells. The runtime sets it; the server reads it. A new epoch after a failure enters `restoring` again. */
import { type Clock, systemClock } from '../common/clock.ts'

export type JobState = 'starting' | 'restoring' | 'running' | 'failed' | 'stopped'

export interface CompletedCheckpoint {
  readonly checkpoint: number
  readonly completedAtMs: number
  readonly durationMs: number
  readonly bytes: number
}

export interface HealthReport {
  readonly state: JobState
  /** Since when, ISO 8601. */
  readonly since: string
  readonly applicationId: string
  readonly lastCheckpoint: { checkpoint: number; completedAt: string; ageMs: number; durationMs: number; bytes: number } | null
  /** Why it failed. */
  readonly error: { code: string; message: string } | null
}

export class Health {
  private readonly applicationId: string
  private readonly clock: Clock
  private state: JobState = 'starting'
  private sinceMs: number
  private error: HealthReport['error'] = null
  private lastCheckpoint: CompletedCheckpoint | null = null

  constructor(applicationId: string, clock: Clock = systemClock) {
    this.applicationId = applicationId
    this.clock = clock
    this.sinceMs = clock.nowMs()
  }

  enter(state: Exclude<JobState, 'failed'>): void {
    this.change(state)
    this.error = null
  }

  fail(error: Error & { readonly code?: unknown }): void {
    this.change('failed')
    this.error = { code: String(error.code ?? error.name), message: error.message }
  }

  completed(checkpoint: CompletedCheckpoint): void {
    this.lastCheckpoint = checkpoint
  }

  /** A liveness probe: false when a restart is what it needs, not while it restores. */
  get isAlive(): boolean {
    return this.state !== 'failed' && this.state !== 'stopped'
  }

  /** A readiness probe. */
  get isReady(): boolean {
    return this.state === 'running'
  }

  report(): HealthReport {
    const last = this.lastCheckpoint
    return {
      state: this.state,
      since: new Date(this.sinceMs).toISOString(),
      applicationId: this.applicationId,
      lastCheckpoint:
        last === null
          ? null
          : {
              checkpoint: last.checkpoint,
              completedAt: new Date(last.completedAtMs).toISOString(),
              ageMs: Math.max(0, this.clock.nowMs() - last.completedAtMs),
              durationMs: last.durationMs,
              bytes: last.bytes,
            },
      error: this.error,
    }
  }

  private change(state: JobState): void {
    if (state !== this.state) this.sinceMs = this.clock.nowMs()
    this.state = state
  }
}
