/** A worker's thread, seen from the main thread. */
import { Worker } from 'node:worker_threads'
import { MillraceError, toError } from '../common/errors.ts'
import type { GivenMemory, Measured } from '../planning/memory/memory-report.ts'
import type { SharingWorker } from '../runtime/memory-sharing.ts'
import type { SupervisedThread, ThreadEnd } from '../runtime/supervisor.ts'
import type { FamilySnapshot } from '../service/metrics-snapshot.ts'
import { receiveError } from './error-transfer.ts'
import type { FromThread, ThreadTask, ToThread } from './thread-messages.ts'
import { THREAD_OPTIONS } from './thread-options.ts'

/** A thread in the middle of slow user code does not answer: what it told the last time stands in for it. */
const ANSWER_TIMEOUT_MS = 500

/** What comes from the thread besides its end and its metrics. */
export type ThreadNews = Extract<FromThread, { type: 'log' | 'state' | 'completed' }>

export class WorkerThread implements SupervisedThread, SharingWorker {
  readonly ended: Promise<ThreadEnd>
  private readonly worker: Worker
  private end: ThreadEnd | undefined
  private thrown: Error | undefined
  private answered: () => void = () => {}
  private requests = 0
  private collecting: { readonly request: number; readonly resolve: () => void } | undefined
  private measured: (measured: Measured) => void = () => {}
  private lastMetrics: readonly FamilySnapshot[] = []

  /** @param entry URL of the module that runs the program; it runs the task when it finds itself in a thread */
  constructor(entry: string, task: ThreadTask, onNews: (news: ThreadNews) => void) {
    this.worker = new Worker(new URL(entry), { ...THREAD_OPTIONS, workerData: task, name: `worker ${task.slot}` })
    this.worker.on('message', (message: FromThread) => this.receive(message, onNews))
    this.worker.on('error', (thrown) => {
      this.thrown = toError(thrown)
    })
    this.ended = new Promise((resolve) => {
      // The last of its events: messages and errors that came before have been told by then.
      this.worker.on('exit', (exitCode) => {
        this.collecting?.resolve()
        this.measured('none')
        resolve(this.end ?? { died: this.thrown ?? exited(exitCode) })
      })
    })
  }

  stop(): void {
    this.send({ type: 'stop' })
  }

  terminate(): void {
    void this.worker.terminate()
  }

  answer(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.answered = resolve
    this.send({ type: 'ask' })
    return promise
  }

  async metrics(): Promise<readonly FamilySnapshot[]> {
    // Two scrapes at a time get the same answer.
    const request = ++this.requests
    await new Promise<void>((resolve) => {
      const before = this.collecting
      const timer = setTimeout(resolve, ANSWER_TIMEOUT_MS)
      this.collecting = {
        request,
        resolve: () => {
          clearTimeout(timer)
          before?.resolve()
          resolve()
        },
      }
      this.send({ type: 'collect', request })
    })
    return this.lastMetrics
  }

  /** One at a time. An answer to an earlier call that comes late is as good. */
  measure(): Promise<Measured> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve('unknown'), ANSWER_TIMEOUT_MS)
      this.measured = (measured) => {
        clearTimeout(timer)
        resolve(measured)
      }
      this.send({ type: 'measure' })
    })
  }

  take(given: GivenMemory): void {
    this.send({ type: 'memory', given })
  }

  private send(message: ToThread): void {
    this.worker.postMessage(message)
  }

  private receive(message: FromThread, onNews: (news: ThreadNews) => void): void {
    switch (message.type) {
      case 'here':
        this.answered()
        break
      case 'metrics':
        this.lastMetrics = message.families
        if (this.collecting?.request === message.request) {
          this.collecting.resolve()
          this.collecting = undefined
        }
        break
      case 'measured':
        this.measured(message.measured)
        break
      case 'ended':
        this.end = message.error === null ? { ok: true } : { ok: false, error: receiveError(message.error) }
        break
      default:
        onNews(message)
    }
  }
}

function exited(exitCode: number): Error {
  return new MillraceError('MR_WORKER_EXITED', `the thread of a worker ended with exit code ${exitCode}, by process.exit()`)
}
