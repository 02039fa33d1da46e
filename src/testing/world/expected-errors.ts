/** Errors that the faults of a world excuse. Any other one that ends an epoch or a worker is a bug, though the output be right. */
import { type ErrorCode, isMillraceError } from '../../common/errors.ts'
import type { Shape } from './shape.ts'
import type { World } from './world.ts'

const ALWAYS: readonly ErrorCode[] = [
  'MR_WORKER_GONE',
  'MR_FINAL_CHECKPOINT_MISSED',
  'MR_CHECKPOINTS_FAILING',
  'MR_EPOCH_TIMEOUT',
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
  'MR_SUPERSEDED',
  'MR_CONTROL_LOG_BEHIND',
]
const OF_A_REPLACED_TOPIC: readonly ErrorCode[] = ['MR_SOURCE_REPLACED', 'MR_KAFKA_TOPIC_MISSING', 'MR_JOB_FAILED']
/** It ends itself, and nobody else. */
const OF_A_FOREIGN_JOB: readonly string[] = ['MR_STATE_UNCLAIMED', 'MR_SOURCE_UNCLAIMED'] satisfies ErrorCode[]

/** The first that none of the world's faults excuses. */
export function unexpectedError({ checkers, workers }: World, { replacesTopic }: Shape): string | undefined {
  const expected = new Set<string>([...ALWAYS, ...(replacesTopic ? OF_A_REPLACED_TOPIC : [])])
  for (const { failureCounts } of checkers.values()) {
    for (const code of failureCounts.keys()) if (!expected.has(code)) return `an epoch failed with ${code}`
  }
  for (const { name, end, release } of workers) {
    if (end?.ok !== false) continue
    const { error } = end
    if (release === 'foreign' && isMillraceError(error) && OF_A_FOREIGN_JOB.includes(error.code)) continue
    if (!isMillraceError(error) || !expected.has(error.code)) return `${name} failed with ${error.stack}`
  }
  return undefined
}
