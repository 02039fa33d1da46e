/** The S3 client as the storage uses it: each request tried again while that helps, its failure explained. */
import type { S3Client } from '@aws-sdk/client-s3'
import type { Clock } from '../../src/common/clock.ts'
import { type RetryPolicy, withRetries } from './retry.ts'
import { type S3Request, s3Error } from './s3-errors.ts'
import { failureOf } from './s3-failure.ts'
import type { S3Location } from './s3-location.ts'

/** Goes into each `client.send`: ends the request when the caller gives up or the answer takes too long. */
export interface SendOptions {
  readonly abortSignal?: AbortSignal
  readonly requestTimeout: number
}

/** A connection slower than this counts as lost. */
const SLOWEST_BYTES_PER_MS = 128

/** A job that stops does not wait longer for work in the background. */
const CLOSE_PATIENCE_MS = 5_000

export interface RequestOptions {
  readonly signal?: AbortSignal | undefined
  /** Of the bytes sent. */
  readonly bytes?: number
  readonly policy?: RetryPolicy
}

export class S3Access {
  readonly client: S3Client
  readonly location: S3Location
  private readonly endpoint: string | undefined
  private readonly policy: RetryPolicy
  private readonly clock: Clock
  private readonly background = new Set<Promise<void>>()

  constructor(parts: {
    client: S3Client
    location: S3Location
    endpoint: string | undefined
    policy: RetryPolicy
    clock: Clock
  }) {
    this.client = parts.client
    this.location = parts.location
    this.endpoint = parts.endpoint
    this.policy = parts.policy
    this.clock = parts.clock
  }

  /**
   * `run` sends, and reads the whole answer. It is called again while what it throws may pass. Throws MR_STORAGE_… or the
   * signal's reason.
   */
  request<T>(
    action: S3Request['action'],
    what: string,
    options: RequestOptions,
    run: (send: SendOptions) => Promise<T>,
  ): Promise<T> {
    const { signal, bytes = 0, policy = this.policy } = options
    let mayCorrectClock = true
    const isTransient = (error: unknown): boolean => {
      const failure = failureOf(error)
      if (!failure.isClockCorrected || failure.isTransient) return failure.isTransient
      const isFirst = mayCorrectClock
      mayCorrectClock = false
      return isFirst
    }
    const request = { what, action, uri: this.location.uri, endpoint: this.endpoint }
    return withRetries(
      {
        policy,
        clock: this.clock,
        signal,
        isTransient,
        explain: (error, attempts, elapsedMs) => s3Error(error, request, attempts, elapsedMs),
      },
      (timeoutMs) =>
        run({
          ...(signal === undefined ? {} : { abortSignal: signal }),
          requestTimeout: timeoutMs + bytes / SLOWEST_BYTES_PER_MS,
        }),
    )
  }

  /** Lets other work of the event loop go first. */
  turn(): Promise<void> {
    return this.clock.turn()
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.clock.sleep(ms, signal)
  }

  /** Between rounds of something larger than a request. */
  pause(signal: AbortSignal | undefined): Promise<void> {
    return this.sleep(Math.random() * this.policy.maxPauseMs, signal)
  }

  /** Work that nobody waits for, until `close`. It never rejects. */
  inBackground(work: Promise<void>): void {
    this.background.add(work)
    work.finally(() => this.background.delete(work))
  }

  async close(): Promise<void> {
    const patience = new AbortController()
    const patienceEnds = this.clock.sleep(CLOSE_PATIENCE_MS, patience.signal).catch(() => undefined)
    await Promise.race([Promise.all(this.background), patienceEnds])
    patience.abort()
    this.client.destroy()
  }
}
