import type { Compression } from '../codec/compression.ts'
import { type BackoffOptions, DEFAULT_BACKOFF } from './backoff.ts'

export interface SenderOptions {
  /** Default none. */
  readonly compression?: Compression
  /** A batch is sealed at this size, before compression. Must not exceed the topics' max.message.bytes. Default 256 KiB. */
  readonly maxBatchBytes?: number
  /** A request carries batches up to this size, of many partitions; one batch at least. Default 1 MiB. */
  readonly maxRequestBytes?: number
  /** How long an open batch waits for more records while nothing else holds it back. 0: not at all. Default 5. */
  readonly lingerMs?: number
  /** Requests on their way to one broker, for one identity: 1 to 5. Brokers know the last 5 batches of a producer. Default 5. */
  readonly maxInFlightPerBroker?: number
  /** Above this `whenDrained` asks for patience. Counts what isn't acknowledged. Default 32 MiB. */
  readonly maxBufferedBytes?: number
  /** From the first record of a batch to its acknowledgement; behind it the sender fails. Default 120,000. */
  readonly deliveryTimeoutMs?: number
  /** Between two tries of a batch. Default 50 ms doubling to 1 s. */
  readonly retryBackoff?: BackoffOptions
  /** Called once, when the sender fails: nobody may be waiting for a promise just then. */
  readonly onFailure?: (error: Error) => void
}

export const SENDER_DEFAULTS = {
  compression: 'none',
  maxBatchBytes: 256 * 1024,
  maxRequestBytes: 1024 * 1024,
  lingerMs: 5,
  maxInFlightPerBroker: 5,
  maxBufferedBytes: 32 * 1024 * 1024,
  deliveryTimeoutMs: 120_000,
  retryBackoff: DEFAULT_BACKOFF,
  onFailure: () => {},
} as const satisfies Required<SenderOptions>

/** Counters, ever growing. */
export interface SenderStats {
  requests: number
  batches: number
  records: number
  bytes: number
  /** Batches sent again. */
  retriedBatches: number
}
