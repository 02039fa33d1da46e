/**
 * Talking to the transaction coordinator. Every call retries what a coordinator that moves, starts or is still busy with
 * the transaction before answers; what is left is for the caller to decide (R24, R25 of the protocol).
 */
import { MillraceError } from '../../../src/common/errors.ts'
import type { ClusterAccess } from './cluster-access.ts'
import { isAuthorizationCode, isRetriableCode, KafkaCode, kafkaErrorName } from './kafka-errors.ts'
import { refusedBy } from './request-type.ts'
import type { TopicPartition } from './requests/offset-requests.ts'
import { AddPartitionsToTxn, EndTxn, InitProducerId, type TransactionRef } from './requests/transaction-requests.ts'
import { type Attempt, askCoordinator, retryUntil } from './retry.ts'

export type { TransactionRef } from './requests/transaction-requests.ts'

export interface ProducerIdAndEpoch {
  readonly producerId: number
  readonly producerEpoch: number
}

export interface InitProducerIdOptions {
  /** How long the coordinator lets a transaction be open. Ignored without a transactional id. Default 60,000. */
  readonly transactionTimeoutMs?: number
  /**
   * What this caller believes to be the current identity of the transactional id (KIP-360): refused with
   * MR_KAFKA_PRODUCER_FENCED if it is not, so that a stale caller can't take over. Without it, whoever asks last wins.
   */
  readonly known?: ProducerIdAndEpoch
  /** For all tries together. Default 60,000: an open transaction of the id is aborted first, which takes its time. */
  readonly timeoutMs?: number
}

/**
 * A new identity: of its own for an idempotent producer (`transactionalId` null), or with the epoch of the transactional
 * id raised, which aborts a transaction still open and fences whoever had the epoch before.
 */
export async function initProducerId(
  cluster: ClusterAccess,
  transactionalId: string | null,
  options: InitProducerIdOptions = {},
): Promise<ProducerIdAndEpoch> {
  const { known, transactionTimeoutMs = 60_000, timeoutMs = 60_000 } = options
  const input = {
    transactionalId,
    transactionTimeoutMs,
    producerId: known?.producerId ?? -1,
    producerEpoch: known?.producerEpoch ?? -1,
  }
  const judge = (answer: { errorCode: number } & ProducerIdAndEpoch): Attempt<ProducerIdAndEpoch> => {
    const { errorCode, producerId, producerEpoch } = answer
    if (errorCode === 0) return { result: { producerId, producerEpoch } }
    const error = transactionError('InitProducerId', transactionalId ?? '(none)', errorCode)
    if (isRetriableCode(errorCode)) return { retry: error }
    throw error
  }
  if (transactionalId === null) {
    return retryUntil(cluster, timeoutMs, async () => judge(await cluster.request('any', InitProducerId, input)))
  }
  const target = { transactionalId }
  return askCoordinator(cluster, target, timeoutMs, () => cluster.request(target, InitProducerId, input), judge)
}

/**
 * Makes partitions part of the open transaction, which opens it. Must be acknowledged before the first record of the
 * transaction is sent to the partition.
 */
export function addPartitionsToTxn(
  cluster: ClusterAccess,
  transaction: TransactionRef,
  partitions: readonly TopicPartition[],
  timeoutMs = 60_000,
): Promise<void> {
  const target = { transactionalId: transaction.transactionalId }
  return askCoordinator(
    cluster,
    target,
    timeoutMs,
    () => cluster.request(target, AddPartitionsToTxn, { ...transaction, partitions }),
    (results): Attempt<undefined> => {
      // If one partition is refused the others are "not attempted": the telling error is another one.
      const failed =
        results.find(({ errorCode }) => errorCode !== 0 && errorCode !== KafkaCode.operationNotAttempted) ??
        results.find(({ errorCode }) => errorCode !== 0)
      if (failed === undefined) return { result: undefined }
      const error = transactionError('AddPartitionsToTxn', target.transactionalId, failed.errorCode, failed)
      if (isRetriableCode(failed.errorCode) || failed.errorCode === KafkaCode.operationNotAttempted) return { retry: error }
      throw error
    },
  )
}

export type EndTxnOutcome =
  /** Done as asked, now or by an earlier try. */
  | { readonly kind: 'committed' }
  | { readonly kind: 'aborted' }
  /** The identity is not current any more: expired by the coordinator, or fenced. Ask the log for the outcome (R25). */
  | { readonly kind: 'invalid-producer-epoch' }
  /** The transaction isn't open: ended the other way, or empty. Ask the log for the outcome (R25). */
  | { readonly kind: 'invalid-txn-state' }
  /** The coordinator knows nothing of the transactional id: forgotten after transactional.id.expiration.ms (7 days). */
  | { readonly kind: 'not-found' }

/**
 * Commits or aborts a prepared transaction from its stored identity, in any process. Rejects only where the answer could
 * not be had until the deadline (MR_KAFKA_UNREACHABLE, MR_KAFKA_COORDINATOR_UNAVAILABLE, …), which means "not known", or
 * where the credentials don't allow it.
 */
export function endTxn(
  cluster: ClusterAccess,
  transaction: TransactionRef,
  outcome: 'commit' | 'abort',
  timeoutMs = 60_000,
): Promise<EndTxnOutcome> {
  const target = { transactionalId: transaction.transactionalId }
  return askCoordinator(
    cluster,
    target,
    timeoutMs,
    () => cluster.request(target, EndTxn, { ...transaction, commit: outcome === 'commit' }),
    ({ errorCode }): Attempt<EndTxnOutcome> => {
      switch (errorCode) {
        case 0:
          return { result: { kind: outcome === 'commit' ? 'committed' : 'aborted' } }
        case KafkaCode.invalidProducerEpoch: // version 1
        case KafkaCode.producerFenced: // version 2 and later, for the same
          return { result: { kind: 'invalid-producer-epoch' } }
        case KafkaCode.invalidTxnState:
          return { result: { kind: 'invalid-txn-state' } }
        case KafkaCode.invalidProducerIdMapping:
        case KafkaCode.transactionalIdNotFound:
          return { result: { kind: 'not-found' } }
        default: {
          const error = transactionError('EndTxn', target.transactionalId, errorCode)
          if (isRetriableCode(errorCode)) return { retry: error }
          throw error
        }
      }
    },
  )
}

/** What an error of the transaction coordinator means to whoever holds the identity. */
export function transactionError(
  request: string,
  transactionalId: string,
  code: number,
  partition?: TopicPartition,
): MillraceError {
  const name = kafkaErrorName(code)
  const where = partition === undefined ? '' : `, ${partition.topic}-${partition.partition}`
  const message = `${request} for transactional id ${transactionalId}${where}: Kafka answers ${name}`
  const details = { transactionalId, kafkaError: name, kafkaErrorCode: code, ...(partition ?? {}) }
  switch (code) {
    case KafkaCode.invalidProducerEpoch:
    case KafkaCode.producerFenced:
    case KafkaCode.invalidProducerIdMapping:
      return new MillraceError('MR_KAFKA_PRODUCER_FENCED', message, { details })
    case KafkaCode.invalidTransactionTimeout:
      return new MillraceError('MR_KAFKA_TRANSACTION_TIMEOUT', message, { details })
    case KafkaCode.invalidTxnState:
    case KafkaCode.transactionAbortable:
      return new MillraceError('MR_KAFKA_TRANSACTION_STATE', message, { details })
    case KafkaCode.unknownTopicOrPartition:
      return new MillraceError('MR_KAFKA_TOPIC_MISSING', message, { details })
    case KafkaCode.coordinatorLoadInProgress:
    case KafkaCode.coordinatorNotAvailable:
    case KafkaCode.notCoordinator:
    case KafkaCode.concurrentTransactions:
      return new MillraceError('MR_KAFKA_COORDINATOR_UNAVAILABLE', message, { details })
  }
  if (isAuthorizationCode(code)) return new MillraceError('MR_KAFKA_AUTHORIZATION', message, { details })
  return refusedBy(request, code, null, `transactional id ${transactionalId}${where}`)
}
