import { MillraceError } from '../../../src/common/errors.ts'

/** Facts for whoever looks into the partition: where in its buffer the batch stands, which offset it claims. */
export type BatchFacts = Readonly<Record<string, unknown>>

/** Bytes that no Kafka writes. The caller who knows topic and partition adds them to the message. */
export function corruptBatch(what: string, facts: BatchFacts = {}, cause?: unknown): MillraceError {
  const place = facts.baseOffset === undefined ? '' : ` (batch with base offset ${facts.baseOffset})`
  return new MillraceError('MR_KAFKA_CORRUPT_BATCH', `corrupt record batch: ${what}${place}`, { cause, details: facts })
}

/** A number that is legal in Kafka but that Millrace, which keeps offsets and times as plain numbers, cannot hold. */
export function numberOutOfRange(what: string, facts: BatchFacts = {}): MillraceError {
  const place = facts.baseOffset === undefined ? '' : ` (batch with base offset ${facts.baseOffset})`
  return new MillraceError('MR_KAFKA_NUMBER_OUT_OF_RANGE', `${what} lies beyond 2^53${place}`, { details: facts })
}
