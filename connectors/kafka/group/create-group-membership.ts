/** The membership of a worker, over a Kafka client of its own: it outlives the epochs, whose clients end with them. */
import type { ConnectorContext } from '../../../src/ports/connector-context.ts'
import type { GroupMembership } from '../../../src/ports/group-membership.ts'
import { KafkaClient } from '../client/client.ts'
import { clientOptions } from '../client-options.ts'
import { GroupIdentity } from './group-identity.ts'
import { KafkaGroupMembership } from './kafka-group-membership.ts'

export interface GroupMembershipOptions {
  /** The topics that the job reads. */
  readonly topics: () => readonly string[]
  /** A file in the worker's own folder, whose lock it holds before the first join. */
  readonly identityFile?: string
}

/** @param context one of the worker's: what it shares for the worker's life is closed with the worker */
export function createGroupMembership(context: ConnectorContext, options: GroupMembershipOptions): GroupMembership {
  const { applicationId, clock, logger, config } = context
  const connection = context.share('kafka-group-client', () => new Connection(context), 'worker')
  return new KafkaGroupMembership({
    ...options,
    client: () => connection.client(),
    groupId: applicationId,
    clock,
    logger,
    sessionTimeoutMs: config.sessionTimeoutMs,
    rebalanceTimeoutMs: config.rebalanceTimeoutMs,
    heartbeatIntervalMs: config.heartbeatIntervalMs,
    identity: GroupIdentity.of(context),
  })
}

class Connection {
  readonly #context: ConnectorContext
  #connecting: Promise<KafkaClient> | undefined

  constructor(context: ConnectorContext) {
    this.#context = context
  }

  /** Connects anew where that has failed. */
  client(): Promise<KafkaClient> {
    if (this.#connecting === undefined) {
      this.#connecting = KafkaClient.connect({
        ...clientOptions(this.#context.config, this.#context.logger),
        clock: this.#context.clock,
      })
      this.#connecting.catch(() => (this.#connecting = undefined))
    }
    return this.#connecting
  }

  async close(): Promise<void> {
    const client = await this.#connecting?.catch(() => undefined)
    client?.close()
  }
}
