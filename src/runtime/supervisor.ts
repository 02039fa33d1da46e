/**
 * Keeps the workers of a process going. Each runs in a thread of its own, in a slot from 0 up; a thread that dies is
 * started anew, and the others don't notice more than a member of their group that is gone.
 *
 *     starting → running → died → (a delay that grows) → starting …
 *                        → ended as it was asked to
 *                        → hangs → terminated: as if it had died
 *                        → failed: the job is over, or this worker can't go on: the others are stopped, and the process
 *                          ends with the error
 *
 * Threads are a port, so that this is tested without any.
 */
import type { Clock } from '../common/clock.ts'
import { isMillraceError } from '../common/errors.ts'
import type { Logger } from '../common/logger.ts'
import type { RunningWorker, WorkerEnd } from './worker.ts'

export type ThreadEnd =
  | WorkerEnd
  /** Without a word of the worker in it: an error that nothing caught, no memory left, process.exit. */
  | { readonly died: Error }

export interface SupervisedThread {
  /** Never rejects; settles when the thread is gone. */
  readonly ended: Promise<ThreadEnd>
  /** Asks the worker to stop. */
  stop(): void
  /** Ends the thread, whatever it does. */
  terminate(): void
  /** Resolves when its event loop has taken notice. */
  answer(): Promise<void>
}

export interface SupervisorParts {
  /** How many. */
  readonly workers: number
  readonly clock: Clock
  readonly logger: Logger
  /** A thread that has not ended by then is terminated. Beyond what a worker takes for its last checkpoint. */
  readonly stopTimeoutMs: number
  /** A thread that does not answer for so long hangs in code that never returns, and is terminated. */
  readonly stallTimeoutMs: number
  /** Whatever the one before in this slot left is nobody's now. */
  start(slot: number): SupervisedThread
}

const FIRST_DELAY_MS = 250
const MAX_DELAY_MS = 30_000
/** A thread that has run for so long has earned a first delay again. */
const GOOD_RUN_MS = 60_000
/** Time in which the whole process is stopped must not count: what counts is how often a thread was found silent. */
const LOOKS_PER_STALL = 6

export function superviseWorkers(parts: SupervisorParts): RunningWorker {
  const supervisor = new Supervisor(parts)
  return { done: supervisor.run(), stop: () => supervisor.stop() }
}

class Supervisor {
  private readonly parts: SupervisorParts
  private readonly stopping = new AbortController()
  private readonly threads = new Set<SupervisedThread>()

  constructor(parts: SupervisorParts) {
    this.parts = parts
  }

  async run(): Promise<WorkerEnd> {
    const ends = await Promise.all(Array.from({ length: this.parts.workers }, (_, slot) => this.keep(slot)))
    const errors = ends.flatMap((end) => (end.ok ? [] : [end.error]))
    // What another worker's failure is to the rest (MR_JOB_FAILED) says less than what that one says itself.
    const error = errors.find((one) => !isMillraceError(one, 'MR_JOB_FAILED')) ?? errors[0]
    return error === undefined ? { ok: true } : { ok: false, error }
  }

  stop(): void {
    if (this.stopping.signal.aborted) return
    this.stopping.abort(new Error('the workers stop'))
    for (const thread of this.threads) thread.stop()
  }

  /** The worker of one slot, to its end. */
  private async keep(slot: number): Promise<WorkerEnd> {
    const { clock, logger } = this.parts
    let delayMs = FIRST_DELAY_MS
    while (!this.stopping.signal.aborted) {
      const startedAtMs = clock.monotonicMs()
      const end = await this.runThread(slot)
      if (!('died' in end)) {
        if (!end.ok) this.stop()
        return end
      }
      if (this.stopping.signal.aborted) {
        logger.warn('worker-died', { worker: slot, error: end.died })
        break
      }
      if (clock.monotonicMs() - startedAtMs >= GOOD_RUN_MS) delayMs = FIRST_DELAY_MS
      logger.error('worker-died', { worker: slot, restartDelayMs: delayMs, error: end.died })
      await clock.sleep(delayMs, this.stopping.signal).catch(() => {})
      delayMs = Math.min(MAX_DELAY_MS, delayMs * 2)
    }
    return { ok: true }
  }

  private async runThread(slot: number): Promise<ThreadEnd> {
    const thread = this.parts.start(slot)
    this.threads.add(thread)
    const over = new AbortController()
    void this.terminateWhenLate(slot, thread, over.signal)
    void this.terminateWhenStalled(slot, thread, over.signal)
    try {
      return await thread.ended
    } finally {
      this.threads.delete(thread)
      over.abort()
    }
  }

  /** User code that never returns keeps a worker from hearing anything. */
  private async terminateWhenLate(slot: number, thread: SupervisedThread, over: AbortSignal): Promise<void> {
    const { clock, logger, stopTimeoutMs } = this.parts
    const { signal } = this.stopping
    await new Promise<void>((resolve) => {
      for (const one of [signal, over]) one.addEventListener('abort', () => resolve(), { once: true })
    })
    if (over.aborted) return
    await clock.sleep(stopTimeoutMs, over).catch(() => {})
    if (over.aborted) return
    logger.warn('worker-terminated', { worker: slot, timeoutMs: stopTimeoutMs })
    thread.terminate()
  }
  /** Nobody else would notice: probes are answered by the main thread, and the group goes on without it. */
  private async terminateWhenStalled(slot: number, thread: SupervisedThread, over: AbortSignal): Promise<void> {
    const { clock, logger, stallTimeoutMs } = this.parts
    let isSilent = false
    for (let silences = 0; silences < LOOKS_PER_STALL; ) {
      if (!isSilent) {
        isSilent = true
        thread.answer().then(() => {
          isSilent = false
        })
      }
      await clock.sleep(stallTimeoutMs / LOOKS_PER_STALL, over).catch(() => {})
      if (over.aborted) return
      silences = isSilent ? silences + 1 : 0
    }
    logger.error('worker-stalled', { worker: slot, forMs: stallTimeoutMs })
    thread.terminate()
  }
}
