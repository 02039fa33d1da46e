/**
 * Every error code of Millrace: what it is, what it means for the data, how to mend it. `docs/errors.md` is generated
 * from this table (`npm run docs`), and a test fails when the two differ. Codes are never reused for another meaning.
 */
import { CONFIG_ERRORS } from './error-catalogue/config-errors.ts'
import type { ErrorEntry } from './error-catalogue/entry.ts'
import { JOB_ERRORS } from './error-catalogue/job-errors.ts'
import { KAFKA_ERRORS } from './error-catalogue/kafka-errors.ts'
import { PROTOCOL_ERRORS } from './error-catalogue/protocol-errors.ts'
import { STATE_ERRORS } from './error-catalogue/state-errors.ts'
import { STORAGE_ERRORS } from './error-catalogue/storage-errors.ts'

export type { ErrorEntry } from './error-catalogue/entry.ts'

export const ERROR_CATALOGUE = {
  ...CONFIG_ERRORS,
  ...JOB_ERRORS,
  ...STATE_ERRORS,
  ...STORAGE_ERRORS,
  ...PROTOCOL_ERRORS,
  ...KAFKA_ERRORS,
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof ERROR_CATALOGUE
