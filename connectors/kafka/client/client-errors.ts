import { isMillraceError, MillraceError } from '../../../src/common/errors.ts'
import { isAuthorizationCode, kafkaErrorName } from './kafka-errors.ts'

export function brokersUnreachable(
  tried: readonly string[],
  waitedMs: number | undefined,
  cause: Error | undefined,
): MillraceError {
  const waited = waitedMs === undefined ? '' : ` within ${waitedMs} ms`
  const last = cause === undefined ? '' : `; the last error: ${cause.message}`
  return new MillraceError(
    'MR_KAFKA_UNREACHABLE',
    `no Kafka broker answers${waited}; tried ${tried.join(', ') || 'none'}${last}`,
    {
      cause,
      details: { tried },
    },
  )
}

export function topicMissing(topic: string, code: number): MillraceError {
  const name = kafkaErrorName(code)
  return new MillraceError('MR_KAFKA_TOPIC_MISSING', `topic ${topic} does not exist: Kafka answers ${name}`, {
    details: { topic, kafkaError: name },
  })
}

/** What the credentials don't allow, or what can't be a topic's name. */
export function topicRefused(topic: string, code: number): MillraceError {
  const name = kafkaErrorName(code)
  const errorCode = isAuthorizationCode(code) ? 'MR_KAFKA_AUTHORIZATION' : 'MR_KAFKA_REQUEST_REFUSED'
  return new MillraceError(errorCode, `topic ${topic} may not be used: Kafka answers ${name}`, {
    details: { topic, kafkaError: name, kafkaErrorCode: code },
  })
}

/** Errors of the way, not of the request: the same request may get through later or elsewhere. */
export function isWorthRetrying(error: unknown): boolean {
  return (
    isMillraceError(error, 'MR_KAFKA_UNREACHABLE') ||
    isMillraceError(error, 'MR_KAFKA_REQUEST_TIMEOUT') ||
    isMillraceError(error, 'MR_KAFKA_COORDINATOR_UNAVAILABLE')
  )
}
