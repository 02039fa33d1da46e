/**
 * A lane: connections to the brokers, one for each, for one use. Brokers answer the requests of a connection strictly
 * one after the other, so whatever may wait at the broker (a fetch for new data, a JoinGroup for its members) needs a
 * lane of its own, or it holds up everybody else.
 */

import type { Clock } from '../../../src/common/clock.ts'
import { MillraceError } from '../../../src/common/errors.ts'
import { backoffMs, type RandomSource } from './backoff.ts'
import type { ClusterMetadata } from './cluster-metadata.ts'
import type { Connect, Connection, OpenOptions } from './connection.ts'
import { formatBrokerAddress } from './kafka-client-options.ts'
import type { RequestType } from './request-type.ts'

export interface LaneOptions {
  readonly connect: Connect
  readonly open: OpenOptions
  readonly clock: Clock
  readonly chance: RandomSource
}

interface Slot {
  connection: Connection | undefined
  opening: Promise<Connection> | undefined
  failures: number
  /** No new attempt before this moment (monotonic time). */
  notBefore: number
}

export class ConnectionLane {
  readonly name: string
  readonly #metadata: ClusterMetadata
  readonly #options: LaneOptions
  readonly #slots = new Map<number, Slot>()
  #closed = false

  constructor(name: string, metadata: ClusterMetadata, options: LaneOptions) {
    this.name = name
    this.#metadata = metadata
    this.#options = options
  }

  /** Is sent in this very call where the connection stands; requests to one broker keep their order in any case. */
  send<Input, Output>(brokerId: number, type: RequestType<Input, Output>, input: Input, timeoutMs: number): Promise<Output> {
    const slot = this.#slots.get(brokerId)
    if (slot?.connection?.isOpen && slot.opening === undefined) return slot.connection.send(type, input, timeoutMs)
    return this.connection(brokerId).then((connection) => connection.send(type, input, timeoutMs))
  }

  /** The connection to a broker, opened anew where it has failed. Concurrent callers share one attempt. */
  connection(brokerId: number): Promise<Connection> {
    if (this.#closed) return Promise.reject(clientClosed())
    let slot = this.#slots.get(brokerId)
    if (slot === undefined) {
      slot = { connection: undefined, opening: undefined, failures: 0, notBefore: 0 }
      this.#slots.set(brokerId, slot)
    }
    if (slot.opening !== undefined) return slot.opening
    const { connection } = slot
    // A broker that moved keeps its id.
    const address = this.#metadata.address(brokerId)
    if (connection?.isOpen && (address === undefined || formatBrokerAddress(address) === connection.address)) {
      return Promise.resolve(connection)
    }
    connection?.close()
    const opened = slot
    slot.opening = this.#open(brokerId, slot).finally(() => (opened.opening = undefined))
    return slot.opening
  }

  close(): void {
    this.#closed = true
    for (const slot of this.#slots.values()) slot.connection?.close(clientClosed())
    this.#slots.clear()
  }

  async #open(brokerId: number, slot: Slot): Promise<Connection> {
    const { clock, chance, connect, open } = this.#options
    const waitMs = slot.notBefore - clock.monotonicMs()
    if (waitMs > 0) await clock.sleep(waitMs)
    if (this.#closed) throw clientClosed()
    const address = this.#metadata.address(brokerId)
    if (address === undefined) {
      throw new MillraceError('MR_KAFKA_UNREACHABLE', `broker ${brokerId} is not, or no longer, part of the cluster`, {
        details: { brokerId },
      })
    }
    try {
      const connection = await connect(address, open)
      if (this.#closed) {
        connection.close(clientClosed())
        throw clientClosed()
      }
      slot.failures = 0
      slot.connection = connection
      return connection
    } catch (error) {
      slot.notBefore = clock.monotonicMs() + backoffMs(chance, slot.failures++)
      throw error
    }
  }
}

export function clientClosed(): MillraceError {
  return new MillraceError('MR_KAFKA_CLIENT_CLOSED', 'the Kafka client has been closed')
}
