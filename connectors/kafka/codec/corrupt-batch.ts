import { MillraceError } from '../../../src/common/errors.ts'

/** Bytes that no Kafka writes. Whoever knows the place (`atBatch`, then topic and partition) adds it. */
export function corruptBatch(what: string, cause?: unknown): MillraceError {
  return new MillraceError('MR_KAFKA_CORRUPT_BATCH', `corrupt record batch: ${what}`, { cause })
}

/** A number that is legal in Kafka but that Millrace, which keeps offsets and times as plain numbers, cannot hold. */
export function numberOutOfRange(what: string): MillraceError {
  return new MillraceError('MR_KAFKA_NUMBER_OUT_OF_RANGE', `${what} lies beyond 2^53`)
}

/** The error with the batch it was met in: the offset it claims to begin at, and where in its buffer it stands. */
export function atBatch(error: unknown, baseOffset: number, at: number): unknown {
  if (!(error instanceof MillraceError)) return error
  return new MillraceError(error.code, `${error.message} (batch with base offset ${baseOffset})`, {
    cause: error.cause,
    remedy: error.remedy,
    details: { ...error.details, baseOffset, at },
  })
}
