/** The membership of a worker, over the worker's Kafka client: both outlive the epochs. */
import type { ConnectorContext } from '../../../src/ports/connector-context.ts'
import type { GroupMembership } from '../../../src/ports/group-membership.ts'
import { SharedClient } from '../shared-client.ts'
import { GroupIdentity } from './group-identity.ts'
import { KafkaGroupMembership } from './kafka-group-membership.ts'
import { MemberFiles } from './member-files.ts'

export interface GroupMembershipOptions {
  /** The topics that the job reads. */
  readonly topics: () => readonly string[]
  /** A file in the worker's own folder, whose lock it holds before the first join. */
  readonly identityFile?: string
  /** Where it has none: a folder that all workers of this machine share, and its slot among those of this process. */
  readonly memberFiles?: { readonly folder: string; readonly slot: number }
}

/** @param context one of the worker's: what it shares for the worker's life is closed with the worker */
export function createGroupMembership(context: ConnectorContext, options: GroupMembershipOptions): GroupMembership {
  const { applicationId, clock, logger, config } = context
  const { topics, identityFile, memberFiles } = options
  const shared = SharedClient.of(context)
  return new KafkaGroupMembership({
    topics,
    ...(identityFile === undefined ? {} : { identityFile }),
    ...(memberFiles === undefined
      ? {}
      : { memberRecord: new MemberFiles(memberFiles.folder, applicationId, memberFiles.slot) }),
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
