/**
 * The part of kafkajs 2.2.4 that this folder uses: one class, which opens a TCP or TLS connection, authenticates it
 * (SASL) and cuts what arrives into answers. kafkajs has no exports map, so it can be imported by its path; the version
 * is pinned exactly.
 */
declare module 'kafkajs/src/network/connection.js' {
  import type { Socket } from 'node:net'

  export interface KafkaJsLogger {
    namespace(name: string): KafkaJsLogger
    debug(message: string, extra?: Record<string, unknown>): void
    info(message: string, extra?: Record<string, unknown>): void
    warn(message: string, extra?: Record<string, unknown>): void
    error(message: string, extra?: Record<string, unknown>): void
  }

  export interface KafkaJsSocketFactoryInput {
    host: string
    port: number
    ssl: unknown
    onConnect(): void
  }

  export interface KafkaJsConnectionOptions {
    host: string
    port: number
    logger: KafkaJsLogger
    socketFactory(input: KafkaJsSocketFactoryInput): Socket
    clientId: string
    ssl: unknown
    sasl: unknown
    connectionTimeout: number
    requestTimeout: number
    enforceRequestTimeout: boolean
    reauthenticationThreshold?: number
  }

  /** What the connection asks of its request queue; a plain property, so another implementation can take its place. */
  export interface KafkaJsRequestQueue {
    push(request: {
      entry: { correlationId: number; resolve(answer: unknown): void; reject(error: Error): void }
      expectResponse: boolean
      sendRequest(): void
    }): void
    fulfillRequest(answer: { correlationId: number; payload: Buffer; size: number }): void
    rejectAll(error: Error): void
    waitForPendingRequests(): Promise<void>
    scheduleRequestTimeoutCheck(): void
    maybeThrottle(throttleMs: number): void
    destroy(): void
  }

  export default class Connection {
    constructor(options: KafkaJsConnectionOptions)
    requestQueue: KafkaJsRequestQueue
    connect(): Promise<boolean>
    disconnect(): Promise<boolean>
    isConnected(): boolean
    isAuthenticated(): boolean
    authenticate(): Promise<void>
    nextCorrelationId(): number
    setVersions(versions: Record<number, { minVersion: number; maxVersion: number }>): void
    setSupportAuthenticationProtocol(isSupported: boolean): void
  }
}
