/** What an error code of a produce answer means. */
import { MillraceError } from '../../../src/common/errors.ts'
import { isAuthorizationCode, isRetriableCode, KafkaCode, kafkaErrorName } from './kafka-errors.ts'
import type { PartitionQueue, QueuedBatch } from './partition-queue.ts'
import type { ProducerIdentity } from './producer.ts'

export type ProduceVerdict = 'written' | 'retry' | 'fatal'

/**
 * `hasEarlier`: an earlier batch of the same identity and partition isn't acknowledged yet. A leader that misses that
 * one refuses this one as out of order, which sending both again mends; without such a batch it has lost its state.
 */
export function judgeProduceError(code: number, hasEarlier: boolean): ProduceVerdict {
  if (code === KafkaCode.none || code === KafkaCode.duplicateSequenceNumber) return 'written'
  if (code === KafkaCode.outOfOrderSequenceNumber) return hasEarlier ? 'retry' : 'fatal'
  return isRetriableCode(code) ? 'retry' : 'fatal'
}

export function produceError(code: number, message: string | null, batch: QueuedBatch): MillraceError {
  const { topic, partition, span } = batch.share
  const name = kafkaErrorName(code)
  const text = `writing to ${topic}-${partition}${writer(span.identity)}: Kafka answers ${name}${message ? ` (${message})` : ''}`
  const details = {
    topic,
    partition,
    kafkaError: name,
    kafkaErrorCode: code,
    producerId: span.identity.producerId,
    producerEpoch: span.identity.producerEpoch,
    baseSequence: batch.baseSequence,
    recordCount: batch.sealed.recordCount,
    bytes: batch.sealed.buffer.length,
  }
  switch (code) {
    case KafkaCode.messageTooLarge:
    case KafkaCode.recordListTooLarge:
      return new MillraceError(
        'MR_KAFKA_RECORD_TOO_LARGE',
        `${text}: a batch of ${details.recordCount} records, ${details.bytes} bytes`,
        { details },
      )
    case KafkaCode.invalidProducerEpoch:
    case KafkaCode.producerFenced:
    case KafkaCode.invalidProducerIdMapping:
      return new MillraceError('MR_KAFKA_PRODUCER_FENCED', text, { details })
    case KafkaCode.outOfOrderSequenceNumber:
    case KafkaCode.unknownProducerId:
      return new MillraceError('MR_KAFKA_PRODUCER_STATE_LOST', text, { details })
    case KafkaCode.invalidTxnState:
    case KafkaCode.transactionAbortable:
      return new MillraceError('MR_KAFKA_TRANSACTION_STATE', text, { details })
    case KafkaCode.invalidRecord:
    case KafkaCode.invalidTimestamp:
      return new MillraceError('MR_KAFKA_RECORD_REFUSED', text, { details })
    case KafkaCode.unknownTopicOrPartition:
      return new MillraceError('MR_KAFKA_TOPIC_MISSING', text, { details })
  }
  if (isAuthorizationCode(code)) return new MillraceError('MR_KAFKA_AUTHORIZATION', text, { details })
  return new MillraceError('MR_KAFKA_REQUEST_REFUSED', text, { details })
}

export function deliveryTimedOut(queue: PartitionQueue, waitedMs: number): MillraceError {
  const { topic, partition, oldest, lastError } = queue
  const why = lastError === undefined ? reasonToWait(oldest) : lastError.message
  const by = oldest === undefined ? '' : writer(oldest.share.span.identity)
  return new MillraceError(
    'MR_KAFKA_DELIVERY_TIMEOUT',
    `records for ${topic}-${partition}${by} are not written after ${Math.round(waitedMs)} ms: ${why}`,
    { cause: lastError, details: { topic, partition, waitedMs: Math.round(waitedMs) } },
  )
}

function reasonToWait(batch: QueuedBatch | undefined): string {
  if (batch === undefined) return 'they could not be sent'
  if (!batch.share.span.identity.isKnown) return 'the producer has no id yet'
  if (!batch.share.isInTransaction) return 'the partition is not part of the transaction yet'
  return batch.inFlight ? 'the broker has not answered' : 'the partition has no leader, or the broker is busy'
}

function writer(identity: ProducerIdentity): string {
  return identity.transactionalId === null ? '' : ` in transaction ${identity.transactionalId}`
}
