/**
 * What is known of the cluster: its brokers, its controller, the topics that somebody has asked about and the leaders of
 * their partitions. Passive: client.ts asks for it and applies the answers.
 */
import { MillraceError } from '../../../src/common/errors.ts'
import type { BrokerAddress } from './kafka-client-options.ts'
import type { BrokerMetadata, MetadataAnswer, TopicMetadata } from './requests/metadata-request.ts'

export class ClusterMetadata {
  /** What the user gave, under the ids -1, -2, …: what is left when every known broker has moved. */
  readonly #bootstrap: ReadonlyMap<number, BrokerAddress>
  #brokers: ReadonlyMap<number, BrokerMetadata> = new Map()
  readonly #topics = new Map<string, TopicMetadata>()
  #controllerId = -1
  #clusterId: string | null = null

  constructor(bootstrap: readonly BrokerAddress[]) {
    this.#bootstrap = new Map(bootstrap.map((address, index) => [-1 - index, address]))
  }

  get clusterId(): string | null {
    return this.#clusterId
  }

  get controllerId(): number {
    return this.#controllerId
  }

  get brokers(): readonly BrokerMetadata[] {
    return [...this.#brokers.values()]
  }

  get bootstrapIds(): readonly number[] {
    return [...this.#bootstrap.keys()]
  }

  address(brokerId: number): BrokerAddress | undefined {
    return this.#brokers.get(brokerId) ?? this.#bootstrap.get(brokerId)
  }

  topic(name: string): TopicMetadata | undefined {
    return this.#topics.get(name)
  }

  /** Undefined: not known, or the partition has no leader at the moment. */
  leaderOf(topic: string, partition: number): number | undefined {
    const leader = this.#topics.get(topic)?.partitions[partition]?.leader
    return leader === undefined || leader < 0 ? undefined : leader
  }

  apply(answer: MetadataAnswer): void {
    if (this.#clusterId !== null && answer.clusterId !== null && answer.clusterId !== this.#clusterId) {
      throw new MillraceError(
        'MR_KAFKA_CLUSTER_CHANGED',
        `the brokers now belong to cluster ${answer.clusterId}, they belonged to ${this.#clusterId} before`,
        { details: { before: this.#clusterId, now: answer.clusterId } },
      )
    }
    this.#clusterId = answer.clusterId
    this.#controllerId = answer.controllerId
    // An answer without brokers comes from one that is just starting; what was known before is better.
    if (answer.brokers.length > 0) this.#brokers = new Map(answer.brokers.map((broker) => [broker.id, broker]))
    for (const topic of answer.topics) {
      if (topic.errorCode === 0 || topic.partitions.length > 0) this.#topics.set(topic.name, topic)
      else this.#topics.delete(topic.name)
    }
  }
}
