/** Writes flights at a steady pace, keyed by the airport they leave from, with kafkajs: a producer that is not ours. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Flight } from '../../examples/flights-by-airport.job.ts'
import { kafkaClient } from '../../itest/support/kafka-ready.ts'

const TICK_MS = 50

export interface Loading {
  /** Acknowledged by Kafka. */
  readonly loaded: number
  /** Resolves when all flights are; resolves too when it was stopped. */
  readonly done: Promise<void>
  /** Goes on behind `holdAt`. */
  release(): void
  stop(): void
}

/** @param holdAt how many flights are loaded until `release` */
export function startLoading(
  bootstrap: string,
  topic: string,
  flights: readonly Flight[],
  perSecond: number,
  holdAt: number,
): Loading {
  let loaded = 0
  let limit = holdAt
  let isStopped = false
  const load = async () => {
    const producer = kafkaClient(bootstrap, { retries: 10 }).producer({ idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    const startedAt = performance.now()
    try {
      while (loaded < flights.length && !isStopped) {
        const due = Math.min(limit, Math.floor(((performance.now() - startedAt) / 1000) * perSecond))
        const messages = flights.slice(loaded, due).map((flight) => ({ key: flight.origin, value: JSON.stringify(flight) }))
        if (messages.length > 0) await producer.send({ topic, messages })
        loaded += messages.length
        await sleep(TICK_MS)
      }
    } finally {
      await producer.disconnect()
    }
  }
  return {
    get loaded() {
      return loaded
    },
    done: load(),
    release() {
      limit = flights.length
    },
    stop() {
      isStopped = true
    },
  }
}
