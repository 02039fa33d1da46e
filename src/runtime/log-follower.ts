/**
 * Follows the control log: folds what is read into the view, tells the listeners in order, and appends. An append
 * resolves when it was read back (R2), with whether it was valid.
 */

import { type ControlRecord, decodeControlRecord, encodeControlRecord } from '../checkpoint/protocol/control-records.ts'
import { LogView } from '../checkpoint/protocol/log-view.ts'
import { assert, defined } from '../common/assert.ts'
import { toError } from '../common/errors.ts'
import type { ControlLog } from '../ports/control-log.ts'

/** Called for every record folded, in the order of the log. Must not throw. */
export type LogListener = (record: ControlRecord, offset: number, isValid: boolean) => void

export class LogFollower {
  readonly view = new LogView()
  /** Rejects when the log can't be read any more, or nobody follows it any more. */
  readonly failed: Promise<never>
  private readonly log: ControlLog
  private readonly stopping = new AbortController()
  private readonly listeners = new Set<LogListener>()
  /** Own records not read back yet, by offset. */
  private readonly awaited = new Map<number, (isValid: boolean) => void>()
  /** Validity of what was folded while appends are under way: the tail may bring a record before its acknowledgement. */
  private readonly folded = new Map<number, boolean>()
  private appends = 0
  private rejectFailed: (error: Error) => void = () => {}
  private following: Promise<void> | undefined

  constructor(log: ControlLog) {
    this.log = log
    this.failed = new Promise((_, reject) => {
      this.rejectFailed = reject
    })
    // Whoever waits for something also watches `failed`; nobody may be waiting yet.
    this.failed.catch(() => {})
  }

  /** Reads the log to the end that it has now, and goes on following it. */
  async start(): Promise<void> {
    const end = await this.log.endOffset()
    this.following = this.follow()
    await this.until(() => this.view.nextOffset >= end)
  }

  /** Resolves once everything that was in the log at the time of the call is folded. */
  async catchUp(): Promise<void> {
    const end = await this.log.endOffset()
    await this.until(() => this.view.nextOffset >= end)
  }

  listen(listener: LogListener): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Resolves when the condition holds after a record was folded, or at once; also when the signal is aborted. */
  until(condition: () => boolean, signal?: AbortSignal): Promise<void> {
    if (condition() || signal?.aborted) return Promise.resolve()
    return this.orFailed(
      new Promise((resolve) => {
        const done = () => {
          stop()
          signal?.removeEventListener('abort', done)
          resolve()
        }
        const stop = this.listen(() => {
          if (condition()) done()
        })
        signal?.addEventListener('abort', done)
      }),
    )
  }

  /**
   * Appends records as one atomic batch; resolves when all are read back, with whether each was valid. A rejection says
   * nothing about the log: they may land all the same.
   */
  async append(records: readonly ControlRecord[]): Promise<readonly boolean[]> {
    assert(records.length > 0, 'something is appended')
    this.appends++
    try {
      const base = await this.orFailed(this.log.append(records.map(encodeControlRecord)))
      return await this.orFailed(Promise.all(records.map((record, i) => this.readBack(base + i, record))))
    } finally {
      this.appends--
      if (this.appends === 0) this.folded.clear()
    }
  }

  private readBack(offset: number, record: ControlRecord): boolean | Promise<boolean> {
    // All before it is folded, and it is there: this is reading it back, a fetch earlier.
    if (offset === this.view.nextOffset) return this.fold(offset, record)
    const known = this.folded.get(offset)
    if (known !== undefined) return known
    return new Promise((resolve) => this.awaited.set(offset, resolve))
  }

  /** Deletes what stands before a valid summary at `offset`. */
  trim(offset: number): Promise<void> {
    return this.log.trim(offset)
  }

  /** Whoever waits for something of the log waits no longer: brokers may be the very thing that does not answer. */
  async stop(): Promise<void> {
    this.stopping.abort()
    this.rejectFailed(new Error('the control log is not followed any more'))
    await this.following
  }

  private async follow(): Promise<void> {
    try {
      for await (const entries of this.log.tail(this.view.nextOffset, this.stopping.signal)) {
        for (const { offset, value } of entries) {
          if (offset >= this.view.nextOffset) this.fold(offset, decodeControlRecord(value, offset))
        }
      }
    } catch (error) {
      if (!this.stopping.signal.aborted) this.rejectFailed(toError(error))
    }
  }

  private fold(offset: number, record: ControlRecord): boolean {
    const isValid = this.view.apply(offset, record)
    if (this.appends > 0) this.folded.set(offset, isValid)
    const waiting = this.awaited.get(offset)
    if (waiting !== undefined) {
      this.awaited.delete(offset)
      waiting(isValid)
    }
    for (const listener of [...this.listeners]) listener(record, offset, isValid)
    return isValid
  }

  private orFailed<T>(promise: Promise<T>): Promise<T> {
    return Promise.race([promise, this.failed])
  }
}

/** The validity of a single appended record. */
export async function appendOne(follower: LogFollower, record: ControlRecord): Promise<boolean> {
  const [isValid] = await follower.append([record])
  return defined(isValid, 'validity of the appended record')
}
