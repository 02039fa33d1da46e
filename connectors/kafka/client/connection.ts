/** What a lane needs of a connection: BrokerConnection provides it over a socket, a simulation within a model of the network. */
import type { Logger } from '../../../src/common/logger.ts'
import type { BrokerVersions } from './api-versions.ts'
import type { BrokerAddress, KafkaClientOptions } from './kafka-client-options.ts'
import type { RequestType } from './request-type.ts'

export interface OpenOptions extends Pick<KafkaClientOptions, 'ssl' | 'sasl'> {
  readonly clientId: string
  readonly connectionTimeoutMs: number
  readonly logger: Logger
}

export interface Connection {
  readonly address: string
  readonly isOpen: boolean
  readonly versions: BrokerVersions
  /**
   * One request, one answer; requests are carried out, and answered, in their order. Rejects with MR_KAFKA_UNREACHABLE or
   * MR_KAFKA_REQUEST_TIMEOUT; the connection is closed then.
   */
  send<Input, Output>(type: RequestType<Input, Output>, input: Input, timeoutMs: number): Promise<Output>
  /** Rejects whatever waits for an answer. */
  close(reason?: Error): void
}

/** Connects and authenticates, or rejects with one of the errors of connection-errors.ts. */
export type Connect = (address: BrokerAddress, options: OpenOptions) => Promise<Connection>
