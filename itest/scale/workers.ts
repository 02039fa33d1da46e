/** Workers as far as the group sees them: each with a client of its own, which dies with it. */
import { createTopics } from '../../connectors/kafka/client/admin.ts'
import { KafkaClient } from '../../connectors/kafka/client/client.ts'
import { GroupIdentity } from '../../connectors/kafka/group/group-identity.ts'
import { KafkaGroupMembership, type KafkaGroupOptions } from '../../connectors/kafka/group/kafka-group-membership.ts'
import { systemClock } from '../../src/common/clock.ts'
import { silentLogger } from '../../src/common/logger.ts'
import { whenAborted } from '../../src/common/when-aborted.ts'
import type { AssignedPartitions, Joined, MemberFacts, Membership } from '../../src/ports/group-membership.ts'

export const TIMES = { sessionTimeoutMs: 2_000, rebalanceTimeoutMs: 10_000, heartbeatIntervalMs: 100 }

let nonces = 0

export class TestWorker {
  readonly name: string
  readonly client: KafkaClient
  readonly identity = new GroupIdentity()
  readonly group: KafkaGroupMembership
  joined: Joined | undefined
  membership: Membership | undefined

  private constructor(name: string, client: KafkaClient, options: Partial<KafkaGroupOptions> & { groupId: string }) {
    this.name = name
    this.client = client
    this.group = new KafkaGroupMembership({
      client: async () => client,
      clock: systemClock,
      logger: silentLogger,
      topics: () => ['orders'],
      identity: this.identity,
      ...TIMES,
      ...options,
    })
  }

  static async open(
    bootstrap: string,
    name: string,
    options: Partial<KafkaGroupOptions> & { groupId: string },
  ): Promise<TestWorker> {
    const client = await KafkaClient.connect({ brokers: [bootstrap], clientId: name, requestTimeoutMs: 10_000 })
    return new TestWorker(name, client, options)
  }

  facts(localState: MemberFacts['localState'] = {}): MemberFacts {
    return { worker: this.name, joinNonce: `${this.name}#${nonces++}`, graphDigest: 'graph', localState }
  }

  async join(localState: MemberFacts['localState'] = {}): Promise<Joined> {
    this.joined = await this.group.join(this.facts(localState))
    return this.joined
  }

  /** Joins, divides where it leads, and again for as long as the group moves on meanwhile. */
  async take(divide: (joined: Joined) => ReadonlyMap<string, readonly AssignedPartitions[]> = nothing): Promise<Membership> {
    for (;;) {
      const joined = await this.join()
      const membership = await joined.settle(joined.isLeader ? divide(joined) : undefined)
      if (membership === null) continue
      this.membership = membership
      return membership
    }
  }

  /** As if its process was killed: not a word to the broker. */
  kill(): void {
    this.client.close()
  }

  async stop(): Promise<void> {
    await this.group.leave()
    this.client.close()
  }
}

/**
 * Until these are one group, in one generation: those that came first are alone for a moment, and join again for the
 * others, as a worker does.
 */
export async function takeAll(workers: readonly TestWorker[], divide?: Parameters<TestWorker['take']>[0]): Promise<void> {
  const together = new AbortController()
  const generations = () =>
    new Set(workers.map(({ identity: { current } }) => (typeof current === 'object' ? current.generation : -1)))
  const live = async (worker: TestWorker) => {
    while (!together.signal.aborted) {
      const { rebalancing, ended } = await worker.take(divide)
      const [generation, ...others] = generations()
      if (generation !== -1 && others.length === 0) together.abort()
      await whenAborted(AbortSignal.any([rebalancing, ended, together.signal]))
    }
  }
  await Promise.all(workers.map(live))
}

export async function createOrders(client: KafkaClient): Promise<void> {
  await createTopics(client, [{ name: 'orders', partitions: 6, replicationFactor: 1 }])
  await client.topic('orders', 10_000)
}

function nothing(): ReadonlyMap<string, readonly AssignedPartitions[]> {
  return new Map()
}
