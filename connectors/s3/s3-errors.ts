/** What S3 says, as errors that tell how to go on. */
import type { ErrorCode } from '../../src/common/error-catalogue.ts'
import { MillraceError } from '../../src/common/errors.ts'
import { failureOf, type S3Failure } from './s3-failure.ts'

/** What was asked, for the message: the right that it takes, and where it was sent. */
export interface S3Request {
  /** "write app/segments/1" */
  readonly what: string
  /** The IAM action it needs. */
  readonly action:
    | 's3:PutObject'
    | 's3:GetObject'
    | 's3:ListBucket'
    | 's3:DeleteObject'
    | 's3:AbortMultipartUpload'
    | 's3:ListBucketMultipartUploads'
  readonly uri: string
  /** As configured; undefined for AWS. */
  readonly endpoint: string | undefined
}

export function s3Error(thrown: unknown, request: S3Request, attempts: number, elapsedMs: number): MillraceError {
  if (thrown instanceof MillraceError) return thrown
  const failure = failureOf(thrown)
  const { code, remedy } = verdict(failure, request)
  const at = request.endpoint === undefined ? '' : ` at ${request.endpoint}`
  const tries = attempts === 1 ? '' : ` (${attempts} attempts in ${(elapsedMs / 1000).toFixed(1)} s)`
  return new MillraceError(code, `cannot ${request.what} in ${request.uri}${at}: ${saying(failure)}${tries}`, {
    cause: thrown,
    ...(remedy === undefined ? {} : { remedy }),
    details: {
      uri: request.uri,
      s3Error: failure.name,
      ...(failure.httpStatus === undefined ? {} : { httpStatus: failure.httpStatus }),
      ...(failure.requestId === undefined ? {} : { requestId: failure.requestId }),
    },
  })
}

function saying({ name, message, httpStatus }: S3Failure): string {
  const status = httpStatus === undefined || name.startsWith('HTTP') ? '' : ` (HTTP ${httpStatus})`
  return message === name || message.includes(name) ? `${message}${status}` : `${name}: ${message}${status}`
}

interface Verdict {
  readonly code: ErrorCode
  /** Where it can be more exact than the catalogue's. */
  readonly remedy?: string | undefined
}

/** Names: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, and those of MinIO, Ceph and Node. */
function verdict(failure: S3Failure, { action, endpoint }: S3Request): Verdict {
  switch (failure.name) {
    case 'NoSuchKey':
    case 'NotFound':
      return { code: 'MR_STORAGE_NOT_FOUND' }
    case 'NoSuchBucket':
    case 'InvalidBucketName':
      return { code: 'MR_STORAGE_NO_BUCKET' }
    case 'PermanentRedirect':
    case 'TemporaryRedirect':
    case 'AuthorizationHeaderMalformed':
    case 'IllegalLocationConstraintException':
    case 'InvalidRegion':
      return {
        code: 'MR_STORAGE_WRONG_REGION',
        remedy: failure.region === undefined ? undefined : `Set --s3-region ${failure.region}, the region of the bucket.`,
      }
    case 'ExpiredToken':
    case 'ExpiredTokenException':
    case 'TokenRefreshRequired':
    case 'InvalidToken':
      return {
        code: 'MR_STORAGE_CREDENTIALS',
        remedy:
          'The session of the credentials has ended: renew them (aws sso login, or the role of the machine) and start the job again.',
      }
    case 'SignatureDoesNotMatch':
      return {
        code: 'MR_STORAGE_CREDENTIALS',
        remedy:
          'Check the secret key: it does not belong to this access key. Behind a proxy, check that it leaves the Host header and the path as they are.',
      }
    case 'InvalidAccessKeyId':
    case 'XAdminUserNotFound':
    case 'CredentialsProviderError':
    case 'NotSignedUp':
      return { code: 'MR_STORAGE_CREDENTIALS' }
    case 'RequestTimeTooSkewed':
    case 'RequestExpired':
      return { code: 'MR_STORAGE_CLOCK_SKEW' }
    case 'XMinioStorageFull':
    case 'QuotaExceeded':
    case 'XMinioAdminBucketQuotaExceeded':
    case 'ServiceQuotaExceededException':
    case 'EntityTooLarge':
    case 'InsufficientCapacity':
      return { code: 'MR_STORAGE_FULL' }
    case 'NotImplemented':
      return { code: 'MR_STORAGE_UNSUPPORTED' }
    case 'ChecksumMismatch':
    case 'BadDigest':
    case 'XAmzContentSHA256Mismatch':
      return {
        code: 'MR_STORAGE_UNAVAILABLE',
        remedy: 'Bytes change on the way or on the disk of the store: check the network, proxies and the store.',
      }
    case 'TimeoutError':
    case 'ETIMEDOUT':
    case 'ERR_SOCKET_CONNECTION_TIMEOUT':
    case 'RequestTimeout':
    case 'SlowDown':
      return { code: 'MR_STORAGE_SLOW' }
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return { code: 'MR_STORAGE_UNAVAILABLE', remedy: nameRemedy(endpoint) }
    case 'ECONNREFUSED':
      return { code: 'MR_STORAGE_UNAVAILABLE', remedy: 'Check that the store runs, and the port of --s3-endpoint.' }
  }
  if (failure.httpStatus === 501) return { code: 'MR_STORAGE_UNSUPPORTED' }
  if (failure.httpStatus === 507) return { code: 'MR_STORAGE_FULL' }
  if (isTlsFailure(failure)) return { code: 'MR_STORAGE_TLS' }
  if (isRegionMissing(failure)) return { code: 'MR_STORAGE_WRONG_REGION' }
  if (failure.httpStatus === 403 || failure.httpStatus === 401)
    return { code: 'MR_STORAGE_DENIED', remedy: rightsRemedy(action) }
  if (failure.isTransient || failure.httpStatus === undefined) return { code: 'MR_STORAGE_UNAVAILABLE' }
  return { code: 'MR_STORAGE_REFUSED' }
}

function nameRemedy(endpoint: string | undefined): string {
  return endpoint === undefined
    ? 'The name of the bucket or region may be wrong, or this machine has no DNS for it. For a store other than AWS set --s3-endpoint.'
    : 'Check the host name of --s3-endpoint. Most stores other than AWS also need --s3-path-style true.'
}

function rightsRemedy(action: S3Request['action']): string {
  const alike =
    action === 's3:GetObject' ? ' S3 answers the same for a file that is missing, where s3:ListBucket is not allowed.' : ''
  return `Allow ${action} on the bucket and prefix; a job needs s3:PutObject, s3:GetObject, s3:DeleteObject, s3:AbortMultipartUpload and s3:ListBucket (and the use of its KMS key, if it has one).${alike}`
}

function isTlsFailure({ name, message }: S3Failure): boolean {
  return (
    /^(CERT_|ERR_TLS|ERR_SSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_(VERIFY|GET)|EPROTO)/.test(name) ||
    /\bSSL routines\b/.test(message)
  )
}

function isRegionMissing({ message }: S3Failure): boolean {
  return /^Region is missing/.test(message)
}
