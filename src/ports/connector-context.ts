/** What a connector is given when a worker opens it. */
import type { Clock } from '../common/clock.ts'
import type { Logger } from '../common/logger.ts'
import type { Config } from '../config/config.ts'

export interface Counter {
  add(n: number): void
}

/** The part of the metrics registry that connectors see. */
export interface MetricsPort {
  counter(name: string, help: string, labels?: Readonly<Record<string, string>>): Counter
  /** `read` is called at each scrape. */
  gauge(name: string, help: string, read: () => number, labels?: Readonly<Record<string, string>>): void
}

export interface ConnectorContext {
  readonly applicationId: string
  /** Index of this worker in the epoch: 0 for the first. */
  readonly workerIndex: number
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: MetricsPort
  /** The job's options, resolved and checked. */
  readonly config: Config
  /**
   * Something that several sources and sinks of this worker have in common: a client, the worker's transactions. Made
   * once per key; closed at the end of the epoch, or of the worker, the last made first. Default: epoch.
   */
  share<T extends { close(): Promise<void> }>(key: string, make: () => T, life?: 'epoch' | 'worker'): T
  /**
   * What a fetcher that is opened now may hold, read again and again: it changes with the memory budget, and with the number
   * of fetchers. Absent: the option's, for each.
   */
  readonly openFetchBudget?: () => () => number
  /** Reports an error that nothing awaits: it fails the epoch. */
  fail(error: Error): void
}
