/** Why a checkpoint was given up: the same word in the control log, in logs and in metrics. */
import { isMillraceError } from '../../common/errors.ts'

/** Reason → what has happened. */
export const ABORT_REASONS = {
  timeout: 'not all workers acknowledged it within checkpoint-timeout',
  'metadata-not-written': 'the storage did not take its metadata',
  'storage-unavailable': 'the storage of a worker did not answer, or was too slow',
  'storage-denied': 'the storage refused a worker: permissions, credentials, region or bucket',
  'storage-full': 'the storage has no space left',
  declined: 'a worker could not take part for another reason',
} as const

export type AbortReason = keyof typeof ABORT_REASONS

const REASON_OF_CODE: Readonly<Record<string, AbortReason>> = {
  MR_STORAGE_UNAVAILABLE: 'storage-unavailable',
  MR_STORAGE_SLOW: 'storage-unavailable',
  MR_STORAGE_TLS: 'storage-unavailable',
  MR_STORAGE_DENIED: 'storage-denied',
  MR_STORAGE_CREDENTIALS: 'storage-denied',
  MR_STORAGE_CLOCK_SKEW: 'storage-denied',
  MR_STORAGE_WRONG_REGION: 'storage-denied',
  MR_STORAGE_NO_BUCKET: 'storage-denied',
  MR_STORAGE_REFUSED: 'storage-denied',
  MR_STORAGE_FULL: 'storage-full',
}

/** For a worker that cannot take part. */
export function abortReasonOf(cause: unknown): AbortReason {
  return (isMillraceError(cause) ? REASON_OF_CODE[cause.code] : undefined) ?? 'declined'
}
