/**
 * Errors on their way from one thread to another. A structured clone keeps neither class nor code; here an error arrives
 * as what it was: ours with code, remedy, details and causes, others with name, code and stack.
 */
import { ERROR_CATALOGUE, type ErrorCode } from '../common/error-catalogue.ts'
import { MillraceError } from '../common/errors.ts'

export interface TransferredError {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly code: string | undefined
  /** Of ours only. */
  readonly remedy: string | undefined
  readonly dataEffect: string | undefined
  readonly details: Readonly<Record<string, unknown>> | undefined
  readonly cause: TransferredError | undefined
}

/** Deeper chains are cut: a cycle must not hang the report. */
const MAX_DEPTH = 8

/** What can be posted, whatever was thrown. */
export function transferError(error: Error, depth = 0): TransferredError {
  const { code, remedy, dataEffect, details, cause } = error as Error & Readonly<Record<string, unknown>>
  const hasCause = cause !== undefined && cause !== null && depth < MAX_DEPTH
  return {
    name: error.name,
    message: error.message,
    stack: error.stack,
    code: code === undefined ? undefined : String(code),
    remedy: typeof remedy === 'string' ? remedy : undefined,
    dataEffect: typeof dataEffect === 'string' ? dataEffect : undefined,
    details: plainDetails(details),
    cause: hasCause ? transferError(cause instanceof Error ? cause : new Error(String(cause)), depth + 1) : undefined,
  }
}

export function receiveError(transferred: TransferredError): Error {
  const { name, message, stack, code, remedy, details } = transferred
  const cause = transferred.cause === undefined ? undefined : receiveError(transferred.cause)
  let error: Error
  if (remedy !== undefined && code !== undefined && isOurs(code)) {
    error = new MillraceError(code, message, { cause, remedy, ...(details === undefined ? {} : { details }) })
  } else {
    error = new (BUILT_IN.get(name) ?? Error)(message, cause === undefined ? undefined : { cause })
    if (error.name !== name) Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true })
    // An error that another release of the package made, with a code that this one lacks, keeps what people read.
    const { dataEffect } = transferred
    for (const [key, value] of Object.entries({ code, remedy, dataEffect, details })) {
      if (value !== undefined) Object.assign(error, { [key]: value })
    }
  }
  if (stack !== undefined) Object.defineProperty(error, 'stack', { value: stack, configurable: true, writable: true })
  return error
}

const BUILT_IN: ReadonlyMap<string, ErrorConstructor> = new Map(
  [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((type) => [
    type.name,
    type as ErrorConstructor,
  ]),
)

function isOurs(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CATALOGUE, code)
}

/** Details are for JSON logs: what JSON can't say is not worth an error on the way. */
function plainDetails(details: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof details !== 'object' || details === null) return undefined
  try {
    return structuredClone(details) as Readonly<Record<string, unknown>>
  } catch {
    return Object.fromEntries(Object.entries(details).map(([name, value]) => [name, String(value)]))
  }
}
