/** Whether starting anew can mend an error. */
import type { FailureVerdict } from '../checkpoint/protocol/control-records.ts'
import { type ErrorCode, isMillraceError } from '../common/errors.ts'

/**
 * Errors of the world outside, which may be another one in a moment, and of user code, which may depend on it. All others
 * (a malformed record, state that no operator claims, a wrong option) would come again.
 */
const MENDABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'MR_USER_CODE_FAILED',
  'MR_CHECKPOINTS_FAILING',
  'MR_EPOCH_TIMEOUT',
  'MR_STATE_LOCAL_CORRUPT',
  'MR_STORAGE_UNAVAILABLE',
  'MR_STORAGE_SLOW',
  'MR_KAFKA_UNREACHABLE',
  'MR_KAFKA_REQUEST_TIMEOUT',
  'MR_KAFKA_COORDINATOR_UNAVAILABLE',
  'MR_KAFKA_CLIENT_CLOSED',
  'MR_KAFKA_PRODUCER_FENCED',
  'MR_KAFKA_PRODUCER_STATE_LOST',
  'MR_KAFKA_DELIVERY_TIMEOUT',
  'MR_KAFKA_TRANSACTION_TIMEOUT',
  'MR_KAFKA_TRANSACTION_STATE',
  'MR_TRANSACTION_ABORTED',
])

export function verdictOn(error: Error): FailureVerdict {
  if (isMillraceError(error, 'MR_WORKER_GONE') || isMillraceError(error, 'MR_FINAL_CHECKPOINT_MISSED')) return 'membership'
  return !isMillraceError(error) || MENDABLE.has(error.code) ? 'restart' : 'final'
}
