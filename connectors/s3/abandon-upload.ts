/**
 * Drops the parts of an upload that will not be completed. Best effort: what stays is invisible and costs space, until a start
 * a day later removes it, as after a crash (abandoned-uploads.ts).
 */
import { AbortMultipartUploadCommand } from '@aws-sdk/client-s3'
import { DEFAULT_RETRY_POLICY } from './retry.ts'
import type { S3Access } from './s3-access.ts'

export interface Upload {
  readonly Bucket: string
  readonly Key: string
  readonly UploadId: string
}

/** A part that is under way while its upload is aborted may be kept, so S3 says: abort again when it has arrived. */
const PAUSES_MS = [0, 1_000]

const POLICY = { ...DEFAULT_RETRY_POLICY, deadlineMs: 3_000 }

export async function abandonUpload(access: S3Access, upload: Upload): Promise<void> {
  const command = new AbortMultipartUploadCommand(upload)
  for (const pauseMs of PAUSES_MS) {
    await access.sleep(pauseMs)
    await access
      .request('s3:AbortMultipartUpload', 'drop an upload', { policy: POLICY }, (send) => access.client.send(command, send))
      .catch(() => undefined)
  }
}
