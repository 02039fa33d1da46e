/** What an error code in a fetch answer means. */
import { MillraceError } from '../../../src/common/errors.ts'
import { isAuthorizationCode, isRetriableCode, KafkaCode, kafkaErrorName } from './kafka-errors.ts'

/** `refetch`: ask again, after a look at who leads the partition. */
export type FetchVerdict = 'refetch' | 'missing' | 'out-of-range' | 'fatal'

export function judgeFetchError(code: number): FetchVerdict {
  if (code === KafkaCode.offsetOutOfRange) return 'out-of-range'
  if (code === KafkaCode.unknownTopicOrPartition || code === KafkaCode.unknownTopicId) return 'missing'
  if (code === KafkaCode.unknownServerError) return 'refetch'
  return isRetriableCode(code) ? 'refetch' : 'fatal'
}

export function fetchError(code: number, topic: string, partition: number): MillraceError {
  const name = kafkaErrorName(code)
  const text = `reading ${topic}-${partition}: Kafka answers ${name}`
  const details = { topic, partition, kafkaError: name, kafkaErrorCode: code }
  if (isAuthorizationCode(code)) return new MillraceError('MR_KAFKA_AUTHORIZATION', text, { details })
  if (judgeFetchError(code) === 'missing') return new MillraceError('MR_KAFKA_TOPIC_MISSING', text, { details })
  return new MillraceError('MR_KAFKA_REQUEST_REFUSED', text, { details })
}

export function offsetOutOfRange(
  topic: string,
  partition: number,
  askedOffset: number,
  earliestOffset: number,
  latestOffset: number,
): MillraceError {
  const what =
    askedOffset < earliestOffset
      ? `the records from ${askedOffset} to ${earliestOffset - 1} have been deleted`
      : 'the partition ends before it; it has been truncated or created anew'
  return new MillraceError(
    'MR_KAFKA_OFFSET_OUT_OF_RANGE',
    `offset ${askedOffset} of ${topic}-${partition} cannot be read: the partition holds ${earliestOffset} to ${latestOffset}, ${what}`,
    { details: { topic, partition, askedOffset, earliestOffset, latestOffset } },
  )
}
