/** What the group coordinator refuses, as errors that say what to do. */
import { MillraceError } from '../../../src/common/errors.ts'
import { isAuthorizationCode, KafkaCode, kafkaErrorName } from '../client/kafka-errors.ts'
import { refusedBy } from '../client/request-type.ts'

export function groupError(
  request: string,
  groupId: string,
  code: number,
  limits: { readonly sessionTimeoutMs?: number } = {},
): MillraceError {
  const name = kafkaErrorName(code)
  const details = { groupId, request, kafkaError: name, kafkaErrorCode: code }
  switch (code) {
    case KafkaCode.inconsistentGroupProtocol:
      return groupInUse(groupId, `Kafka answers ${name}`)
    case KafkaCode.invalidSessionTimeout:
      return new MillraceError(
        'MR_GROUP_SESSION_TIMEOUT',
        `the brokers do not allow a session timeout of ${limits.sessionTimeoutMs} ms: Kafka answers ${name}`,
        { details: { ...details, ...limits } },
      )
    case KafkaCode.groupMaxSizeReached:
      return new MillraceError('MR_GROUP_FULL', `group ${groupId} takes no more members: Kafka answers ${name}`, { details })
  }
  if (isAuthorizationCode(code)) {
    return new MillraceError('MR_KAFKA_AUTHORIZATION', `${request} in group ${groupId} is not allowed: Kafka answers ${name}`, {
      details,
    })
  }
  return refusedBy(request, code, null, `group ${groupId}`)
}

export function groupInUse(groupId: string, why: string): MillraceError {
  return new MillraceError(
    'MR_GROUP_IN_USE',
    `consumer group ${groupId} has members that are no workers of Millrace, but the application id must be for this job alone: ${why}`,
    { details: { groupId } },
  )
}

/** Why a membership is over. */
export function membershipLost(groupId: string, why: string, cause?: unknown): MillraceError {
  return new MillraceError('MR_GROUP_MEMBERSHIP_LOST', `this worker is no longer a member of group ${groupId}: ${why}`, {
    cause,
    details: { groupId },
  })
}
