/** What failed, read out of the several shapes of errors that the AWS SDK throws. */

/** By the name S3 gives (`NoSuchKey`, `SlowDown`), else by Node's code (`ECONNREFUSED`), else by the error's name. */
export interface S3Failure {
  readonly name: string
  readonly message: string
  /** Undefined where no answer came. */
  readonly httpStatus: number | undefined
  readonly requestId: string | undefined
  /** The region a bucket lies in, where the answer says so. */
  readonly region: string | undefined
  /** The same request may succeed later. */
  readonly isTransient: boolean
  /** The answer came from another time than ours, and the SDK now signs with that: once, the same request may succeed. */
  readonly isClockCorrected: boolean
}

interface SdkError extends Error {
  readonly code?: unknown
  readonly Code?: unknown
  readonly Region?: unknown
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string; readonly clockSkewCorrected?: boolean }
  readonly $response?: { readonly statusCode?: number; readonly headers?: Readonly<Record<string, string>> }
}

export function failureOf(thrown: unknown): S3Failure {
  const error = underlying(thrown)
  const httpStatus = error.$metadata?.httpStatusCode ?? error.$response?.statusCode
  const name = nameOf(error, httpStatus)
  const region =
    error.$response?.headers?.['x-amz-bucket-region'] ?? error.Region ?? /expecting '([\w-]+)'/.exec(error.message)?.[1]
  return {
    name,
    message: error.message || name,
    httpStatus,
    requestId: error.$metadata?.requestId,
    region: typeof region === 'string' ? region : undefined,
    isTransient: TRANSIENT_NAMES.has(name) || (httpStatus !== undefined && TRANSIENT_STATUS.has(httpStatus)),
    isClockCorrected: error.$metadata?.clockSkewCorrected === true,
  }
}

/** Of several addresses that were tried, the last; of an error wrapped by the SDK, the one underneath. */
function underlying(thrown: unknown): SdkError {
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return underlying(thrown.errors.at(-1))
  return thrown instanceof Error ? (thrown as SdkError) : new Error(String(thrown))
}

function nameOf(error: SdkError, httpStatus: number | undefined): string {
  if (httpStatus === undefined && typeof error.code === 'string') return error.code
  // HEAD has no body to read a name from: the SDK then says Unknown or the bare status.
  if (error.name !== 'Error' && !/^(Unknown|UnknownError|\d+)$/.test(error.name)) return error.name
  if (typeof error.Code === 'string') return error.Code
  return /^Checksum mismatch/.test(error.message)
    ? 'ChecksumMismatch'
    : httpStatus === undefined
      ? error.name
      : `HTTP ${httpStatus}`
}

const TRANSIENT_STATUS = new Set([408, 429, 500, 502, 503, 504, 509])

const TRANSIENT_NAMES = new Set([
  // The connection: refused while a server restarts, lost on the way, closed by the server while it was idle.
  ...[
    'ECONNREFUSED',
    'ECONNRESET',
    'ECONNABORTED',
    'EPIPE',
    'ETIMEDOUT',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'ENETDOWN',
    'EHOSTDOWN',
  ],
  ...['ENOTFOUND', 'EAI_AGAIN', 'ERR_SOCKET_CONNECTION_TIMEOUT', 'ERR_STREAM_PREMATURE_CLOSE', 'TimeoutError', 'ShortBody'],
  // Load.
  ...['SlowDown', 'InternalError', 'ServiceUnavailable', 'RequestTimeout', 'Busy', 'Throttling', 'ThrottlingException'],
  ...['RequestThrottled', 'RequestLimitExceeded', 'BandwidthLimitExceeded', 'TooManyRequests', 'RequestThrottledException'],
  // Another write to the same key is under way: what it became is known when it has ended.
  ...['ConditionalRequestConflict', 'OperationAborted'],
  // versitygw, when the last file of a folder is deleted at the same time; no path of ours is a folder of another.
  'ExistingObjectIsDirectory',
  // Bytes that were changed on the way.
  ...['BadDigest', 'IncompleteBody', 'XAmzContentSHA256Mismatch', 'XAmzContentChecksumMismatch', 'ChecksumMismatch'],
])
