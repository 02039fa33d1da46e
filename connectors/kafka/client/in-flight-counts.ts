import type { ProducerIdentity } from './producer.ts'

/** How many produce requests are on their way, by broker and identity. */
export class InFlightCounts {
  readonly #counts = new Map<number, Map<ProducerIdentity, number>>()

  get(broker: number, identity: ProducerIdentity): number {
    return this.#counts.get(broker)?.get(identity) ?? 0
  }

  add(broker: number, identity: ProducerIdentity, change: 1 | -1): void {
    let ofBroker = this.#counts.get(broker)
    if (ofBroker === undefined) this.#counts.set(broker, (ofBroker = new Map()))
    const count = (ofBroker.get(identity) ?? 0) + change
    if (count === 0) ofBroker.delete(identity)
    else ofBroker.set(identity, count)
  }
}
