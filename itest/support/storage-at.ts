/** The checkpoint storage of a job, as the test sees it: a folder, or a place in an S3 server. */
import { createFileStorage } from '../../connectors/file/file-storage.ts'
import { createS3Storage } from '../../connectors/s3/s3-storage.ts'
import type { CheckpointStorage } from '../../src/ports/checkpoint-storage.ts'
import type { S3Server } from './server-types.ts'

/** Where the kill tests and those of savepoints keep what they write. */
export const PLACES = ['file', 's3'] as const
export type Place = (typeof PLACES)[number]

/** @param s3 needed where the URI is one of S3 */
export function storageAt(uri: string, s3?: S3Server): CheckpointStorage {
  if (uri.startsWith('file:')) return createFileStorage(uri)
  if (s3 === undefined) throw new Error(`${uri} needs an S3 server`)
  const { endpoint, accessKeyId, secretAccessKey } = s3
  return createS3Storage({ uri, endpoint, region: undefined, forcePathStyle: undefined, accessKeyId, secretAccessKey })
}

/** Options of a job, and its environment, beside the URI. */
export function storageAccess(s3: S3Server | undefined): {
  readonly options: Readonly<Record<string, string>>
  readonly env: Readonly<Record<string, string>>
} {
  if (s3 === undefined) return { options: {}, env: {} }
  const { endpoint, region, accessKeyId, secretAccessKey } = s3
  return {
    options: { 's3-endpoint': endpoint, 's3-region': region, 's3-access-key-id': accessKeyId },
    env: { MILLRACE_S3_SECRET_ACCESS_KEY: secretAccessKey },
  }
}
