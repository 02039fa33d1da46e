/**
 * The requests of one connection that wait for their answers. Takes the place of kafkajs's own request queue, which
 * re-arms a timer of one millisecond for as long as it lives (with a negative delay, so that newer Node releases print a
 * warning too), and lets a connection wait for ever for an answer that never comes.
 */
import type { KafkaJsRequestQueue } from 'kafkajs/src/network/connection.js'

interface Waiter {
  resolve(answer: Buffer): void
  reject(error: Error): void
}

export class InFlightRequests implements KafkaJsRequestQueue {
  readonly #waiters = new Map<number, Waiter>()
  readonly #onConnectionFailed: (error: Error) => void

  /** `onConnectionFailed`: kafkajs has seen the connection break. Must call `failAll`, with an error of ours. */
  constructor(onConnectionFailed: (error: Error) => void) {
    this.#onConnectionFailed = onConnectionFailed
  }

  get size(): number {
    return this.#waiters.size
  }

  add(correlationId: number, waiter: Waiter): void {
    this.#waiters.set(correlationId, waiter)
  }

  /** Called by kafkajs for its own requests: those of the SASL handshake. */
  push(request: Parameters<KafkaJsRequestQueue['push']>[0]): void {
    const { entry } = request
    this.#waiters.set(entry.correlationId, {
      resolve: (payload) => entry.resolve({ correlationId: entry.correlationId, entry, size: payload.length, payload }),
      reject: (error) => entry.reject(error),
    })
    request.sendRequest()
  }

  fulfillRequest(answer: { correlationId: number; payload: Buffer }): void {
    const waiter = this.#waiters.get(answer.correlationId)
    if (waiter === undefined) return
    this.#waiters.delete(answer.correlationId)
    waiter.resolve(answer.payload)
  }

  /** Called by kafkajs, with its own errors. */
  rejectAll(error: Error): void {
    this.#onConnectionFailed(error)
  }

  failAll(error: Error): void {
    const waiters = [...this.#waiters.values()]
    this.#waiters.clear()
    for (const waiter of waiters) waiter.reject(error)
  }

  /** kafkajs waits for this before it closes a socket. Whoever closes has rejected what was waiting. */
  waitForPendingRequests(): Promise<void> {
    return Promise.resolve()
  }

  // Deadlines are the callers'; brokers throttle by holding back their answers (KIP-219), so nothing to do here.
  scheduleRequestTimeoutCheck(): void {}
  maybeThrottle(): void {}
  destroy(): void {}
}
