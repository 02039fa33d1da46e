/**
 * Drops what crashed writers have left: multipart uploads that nobody completes are in no list, and cost space. A day is
 * longer than any upload takes. Best effort: the right to see them may be missing, and some stores have no such list.
 */
import { AbortMultipartUploadCommand, ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import { DEFAULT_RETRY_POLICY } from './retry.ts'
import type { S3Access } from './s3-access.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const POLICY = { ...DEFAULT_RETRY_POLICY, deadlineMs: 3_000 }

/** One page, of a thousand at most: the next start goes on. Never rejects. */
export async function dropAbandonedUploads(access: S3Access, nowMs: number): Promise<void> {
  try {
    const { client, location } = access
    const Bucket = location.bucket
    const options = { policy: POLICY }
    const list = new ListMultipartUploadsCommand({ Bucket, Prefix: location.keyPrefixOf('') })
    const page = await access.request('s3:ListBucketMultipartUploads', 'list uploads', options, (send) =>
      client.send(list, send),
    )
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      if (Key === undefined || location.pathOf(Key) === undefined) continue
      if (Initiated === undefined || nowMs - Initiated.getTime() < DAY_MS) continue
      const abort = new AbortMultipartUploadCommand({ Bucket, Key, UploadId })
      await access.request('s3:AbortMultipartUpload', 'drop an upload', options, (send) => client.send(abort, send))
    }
  } catch {
    // What stays is removed by a later start, or by a lifecycle rule of the bucket.
  }
}
