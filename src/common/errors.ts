/**
 * One error class for everything a user can meet. The code is the contract (docs/errors.md lists every one, a test holds
 * the page to the catalogue); the message says what happened and where, the remedy how to mend it, `dataEffect` what it
 * means for the data. What the program itself got wrong is an assertion instead (assert.ts).
 */
import { ERROR_CATALOGUE, type ErrorCode } from './error-catalogue.ts'

export type { ErrorCode } from './error-catalogue.ts'

export interface MillraceErrorOptions {
  /** The error underneath, if any. */
  readonly cause?: unknown
  /** Overrides the catalogue's remedy where the place of the error knows better. */
  readonly remedy?: string
  /** Machine-readable facts: topic, partition, offset, path … They appear in JSON logs. */
  readonly details?: Readonly<Record<string, unknown>>
}

export class MillraceError extends Error {
  override readonly name = 'MillraceError'
  readonly code: ErrorCode
  readonly remedy: string
  /** What this error means for the data: by the catalogue. */
  readonly dataEffect: string
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, options: MillraceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    const entry = ERROR_CATALOGUE[code]
    this.code = code
    this.remedy = options.remedy ?? entry.remedy
    this.dataEffect = entry.dataEffect
    this.details = options.details ?? {}
  }
}

export function isMillraceError(error: unknown, code?: ErrorCode): error is MillraceError {
  return error instanceof MillraceError && (code === undefined || error.code === code)
}

/** What stands in a record of another process may be of another release. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERROR_CATALOGUE, text)
}

/** What was thrown, as an Error: anything can be thrown in JavaScript. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
