/** What the sender, the fetcher and the transactions need of a cluster: KafkaClient provides it, tests script it. */
import type { Clock } from '../../../src/common/clock.ts'
import type { Logger } from '../../../src/common/logger.ts'
import type { RequestType } from './request-type.ts'

/** `any`: whichever broker answers; a coordinator is looked up and remembered. */
export type RequestTarget = number | 'any' | 'controller' | { readonly group: string } | { readonly transactionalId: string }

export interface RequestOptions {
  /** For the answer, once the request is sent. Default: the client's requestTimeoutMs. */
  readonly timeoutMs?: number
  /** Another lane than the client's own: from `openLane`. */
  readonly lane?: Lane
}

/** Connections for one use (connection-lane.ts). */
export interface Lane {
  readonly name: string
  close(): void
}

export interface ClusterAccess {
  readonly logger: Logger
  /** All waiting and every duration, so that a simulation can own them. */
  readonly clock: Clock
  readonly requestTimeoutMs: number
  /** From 0 up to 1, for jitter. */
  random(): number
  openLane(name: string): Lane
  /**
   * One request, one answer, no retry, except that `any` goes through the brokers. Error codes inside the answer are
   * the caller's. Rejects with MR_KAFKA_UNREACHABLE, MR_KAFKA_REQUEST_TIMEOUT, MR_KAFKA_AUTHENTICATION,
   * MR_KAFKA_TLS, MR_KAFKA_VERSION, MR_KAFKA_PROTOCOL, MR_KAFKA_CLIENT_CLOSED.
   */
  request<Input, Output>(
    target: RequestTarget,
    type: RequestType<Input, Output>,
    input: Input,
    options?: RequestOptions,
  ): Promise<Output>
  /** By what is known now; undefined: ask `refreshMetadata`. */
  leaderOf(topic: string, partition: number): number | undefined
  /** Of a topic that is known. */
  partitionCount(topic: string): number | undefined
  /** Asks for these topics and all asked for before. Concurrent calls share one request. Never rejects for a missing topic. */
  refreshMetadata(topics?: readonly string[]): Promise<void>
  /** The error with which Kafka last answered for the topic; 0: none. */
  topicError(topic: string): number
  /** The coordinator has moved: look it up anew next time. */
  forgetCoordinator(target: RequestTarget): void
}
