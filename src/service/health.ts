/** What /healthz tells. The runtime sets it; the server reads it. A new epoch after a failure enters `restoring` again. */
import { defined } from '../common/assert.ts'
import { type Clock, systemClock } from '../common/clock.ts'

export type JobState = 'starting' | 'restoring' | 'running' | 'failed' | 'stopped'

/** Worst first: what the process says is the worst of its workers. */
const WORKER_STATES = ['starting', 'restoring', 'running'] as const
export type WorkerState = (typeof WORKER_STATES)[number]

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
  /** Where several workers run in the process: the state of each, by its slot. */
  readonly workers?: readonly WorkerState[]
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
  private workers: WorkerState[] | undefined

  constructor(applicationId: string, clock: Clock = systemClock) {
    this.applicationId = applicationId
    this.clock = clock
    this.sinceMs = clock.nowMs()
  }

  enter(state: Exclude<JobState, 'failed'>): void {
    this.change(state)
    this.error = null
  }

  /** Before any of them enters a state. */
  expectWorkers(count: number): void {
    this.workers = Array.from({ length: count }, () => 'starting')
  }

  /** One of several workers; `starting` again when it has died. */
  enterWorker(slot: number, state: WorkerState): void {
    const workers = defined(this.workers, 'states of workers')
    workers[slot] = state
    this.enter(
      defined(
        WORKER_STATES.find((one) => workers.includes(one)),
        'worst state',
      ),
    )
  }

  fail(error: Error & { readonly code?: unknown }): void {
    this.change('failed')
    this.error = { code: String(error.code ?? error.name), message: error.message }
  }

  /** Several workers tell the same one. */
  completed(checkpoint: CompletedCheckpoint): void {
    if (this.lastCheckpoint?.checkpoint === checkpoint.checkpoint) return
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
      ...(this.workers === undefined ? {} : { workers: [...this.workers] }),
      error: this.error,
    }
  }

  private change(state: JobState): void {
    if (state !== this.state) this.sinceMs = this.clock.nowMs()
    this.state = state
  }
}
