/** Positions as offsets of the job's consumer group, for people and lag tools; recovery never reads them. */
import { isMillraceError } from '../../../src/common/errors.ts'
import { commitOffsets, type GroupOffset } from '../client/admin.ts'
import type { ClusterAccess } from '../client/cluster-access.ts'
import { KafkaCode } from '../client/kafka-errors.ts'
import type { CurrentMember } from './group-identity.ts'

/** What brokers answer to a member of an earlier generation, and to one of this generation until the leader has settled it. */
const MOVED_ON: readonly unknown[] = [KafkaCode.illegalGeneration, KafkaCode.unknownMemberId, KafkaCode.rebalanceInProgress]

/** As the member that this worker is. Between two memberships nothing is published: the next checkpoint catches up. */
export async function publishPositions(
  cluster: ClusterAccess,
  groupId: string,
  member: CurrentMember,
  offsets: readonly GroupOffset[],
): Promise<void> {
  if (member === 'absent') return
  if (member === 'solo') return commitOffsets(cluster, groupId, offsets)
  try {
    await commitOffsets(cluster, groupId, offsets, member)
  } catch (error) {
    const hasMovedOn = isMillraceError(error, 'MR_KAFKA_REQUEST_REFUSED') && MOVED_ON.includes(error.details.kafkaErrorCode)
    if (!hasMovedOn) throw error
  }
}
