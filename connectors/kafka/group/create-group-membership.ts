/** The membership of a worker, over the worker's Kafka client: both outlive the epochs. */
import type { ConnectorContext } from '../../../src/ports/connector-context.ts'
import type { GroupMembership } from '../../../src/ports/group-membership.ts'
import { SharedClient } from '../shared-client.ts'
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
  const shared = SharedClient.of(context)
  return new KafkaGroupMembership({
    ...options,
    client: () => shared.get(),
    groupId: applicationId,
    clock,
    logger,
    sessionTimeoutMs: config.sessionTimeoutMs,
    rebalanceTimeoutMs: config.rebalanceTimeoutMs,
    heartbeatIntervalMs: config.heartbeatIntervalMs,
    identity: GroupIdentity.of(context),
  })
}
