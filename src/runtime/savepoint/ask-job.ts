/**
 * Asks a running job for something through its control log, and waits for what becomes of it. Never for ever: a job that
 * does not run, that begins anew meanwhile, or that says nothing any more is an error by name. Whoever stops waiting
 * changes nothing: the job goes on with what it was asked for.
 */
import { randomUUID } from 'node:crypto'
import type {
  CancelRequested,
  ControlRecord,
  JobStopped,
  SavepointCompleted,
  SavepointProgressed,
  SavepointRequested,
} from '../../checkpoint/protocol/control-records.ts'
import type { LogView } from '../../checkpoint/protocol/log-view.ts'
import type { Clock } from '../../common/clock.ts'
import { isErrorCode, MillraceError } from '../../common/errors.ts'
import { appendOne, type LogFollower } from '../log-follower.ts'

/** A job that starts or changes its workers is asked when it runs. */
const STARTING_MS = 60_000
/** After its final checkpoint, from a change of workers to the claim of the next epoch. */
const CHANGING_MS = 10_000
/** A coordinator that has nothing else to do triggers at once. */
const ANSWER_MS = 30_000
/** While a checkpoint is under way the log may be silent: longer than its timeout, in all but strange settings. */
const CHECKPOINT_MS = 15 * 60_000
const LOOK_EVERY_MS = 250

export type Requested = SavepointRequested | CancelRequested
type Draft = Omit<SavepointRequested, 'epoch' | 'request' | 'at'> | Omit<CancelRequested, 'epoch' | 'request' | 'at'>

export interface JobRequest {
  readonly applicationId: string
  readonly follower: LogFollower
  readonly clock: Clock
  readonly draft: Draft
  readonly onProgress?: (progress: SavepointProgressed) => void
}

export interface Answer {
  readonly savepoint: SavepointCompleted | undefined
  readonly stopped: JobStopped | undefined
}

/** @throws MR_JOB_NOT_RUNNING, MR_JOB_BUSY, MR_SAVEPOINT_INTERRUPTED, MR_SAVEPOINT_CHECKPOINT_ABORTED, MR_SAVEPOINT_FAILED */
export async function askJob(ask: JobRequest): Promise<Answer> {
  const waiting = new Waiting(ask)
  try {
    return await waiting.run()
  } finally {
    waiting.end()
  }
}

class Waiting {
  private readonly ask: JobRequest
  private readonly view: LogView
  private readonly stopListening: () => void
  private readonly id = randomUUID()
  private requested: Requested | undefined
  private savepoint: SavepointCompleted | undefined
  private stopped: JobStopped | undefined
  private failure: MillraceError | undefined
  private heardAtMs: number

  constructor(ask: JobRequest) {
    this.ask = ask
    this.view = ask.follower.view
    this.heardAtMs = ask.clock.monotonicMs()
    this.stopListening = ask.follower.listen((record, _offset, isValid) => {
      if (isValid) this.observe(record)
    })
  }

  end(): void {
    this.stopListening()
  }

  async run(): Promise<Answer> {
    await this.request()
    for (;;) {
      if (this.failure !== undefined) throw this.failure
      const { savepoint, stopped } = this
      const isStop = this.requested?.type === 'cancel-requested' || this.requested?.isStop
      if (isStop ? stopped !== undefined : savepoint !== undefined) return { savepoint, stopped }
      this.throwIfSilent()
      await this.nextLook()
    }
  }

  /** Appended where it counts: in a running epoch, with no other request. */
  private async request(): Promise<void> {
    const { follower, clock, draft, applicationId } = this.ask
    const { view } = this
    const sinceMs = clock.monotonicMs()
    while (this.requested === undefined) {
      if (view.request !== undefined) {
        throw new MillraceError('MR_JOB_BUSY', `${applicationId} is asked for a savepoint, or to stop, already`)
      }
      this.throwIfDown(clock.monotonicMs() - sinceMs)
      if (isRunning(view)) {
        const at = new Date(clock.nowMs()).toISOString()
        const record: Requested = { ...draft, epoch: view.epoch, request: this.id, at }
        this.heardAtMs = clock.monotonicMs()
        if (await appendOne(follower, record)) this.requested = record
      } else {
        await this.nextLook()
      }
    }
  }

  private throwIfDown(forMs: number): void {
    const { applicationId } = this.ask
    const { epochState, isFinished } = this.view
    const isDown = epochState === 'none' || epochState === 'over' || epochState === 'stopped'
    if (isDown || (isFinished && forMs > CHANGING_MS) || (!isRunning(this.view) && forMs > STARTING_MS)) {
      throw new MillraceError('MR_JOB_NOT_RUNNING', `no copy of ${applicationId} runs, as its control log tells`)
    }
  }

  private throwIfSilent(): void {
    const { clock, applicationId } = this.ask
    const { request, pending } = this.view
    const isAtWork = pending !== undefined || (request?.checkpoint !== undefined && request.completed === undefined)
    const limitMs = isAtWork ? CHECKPOINT_MS : ANSWER_MS
    if (clock.monotonicMs() - this.heardAtMs <= limitMs) return
    throw new MillraceError(
      'MR_JOB_NOT_RUNNING',
      `${applicationId} has said nothing for ${limitMs / 1000} s; its last word was that it runs`,
    )
  }

  private async nextLook(): Promise<void> {
    const { clock, follower } = this.ask
    await Promise.race([clock.sleep(LOOK_EVERY_MS), follower.failed])
  }

  private observe(record: ControlRecord): void {
    this.heardAtMs = this.ask.clock.monotonicMs()
    const { requested } = this
    if (requested === undefined) return
    const isDone = this.savepoint !== undefined || this.stopped !== undefined
    if ('request' in record && record.request === requested.request) this.observeOwn(record)
    else if (isDone) return
    else if (record.type === 'epoch-claimed') this.interrupted('has begun anew')
    else if (record.type === 'worker-failed' && record.epoch === requested.epoch) {
      this.interrupted(`has failed: ${record.code}: ${record.cause}`)
    }
  }

  private observeOwn(record: ControlRecord): void {
    switch (record.type) {
      case 'savepoint-progressed':
        this.ask.onProgress?.(record)
        break
      case 'savepoint-completed':
        this.savepoint = record
        break
      case 'job-stopped':
        this.stopped = record
        break
      case 'request-failed': {
        const { code, cause } = record
        const isOwn = isErrorCode(code) && /^MR_SAVEPOINT_/.test(code)
        this.failure ??= isOwn
          ? new MillraceError(code, `${this.ask.applicationId}: ${cause}`)
          : new MillraceError('MR_SAVEPOINT_FAILED', `${this.ask.applicationId}: ${code}: ${cause}`)
        break
      }
      default:
    }
  }

  private interrupted(how: string): void {
    this.failure ??= new MillraceError('MR_SAVEPOINT_INTERRUPTED', `${this.ask.applicationId} ${how}`)
  }
}

function isRunning({ epochState, isFinished }: LogView): boolean {
  return epochState === 'started' && !isFinished
}
