/**
 * Whether a bucket can be used: asks for each right once, and whether If-None-Match is honoured, without which an old
 * process could overwrite the files of its successor. One small object stays, so that the next start needs one write less.
 */
import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3'
import { MillraceError } from '../../src/common/errors.ts'
import { isTaken } from './put-object.ts'
import { DEFAULT_RETRY_POLICY } from './retry.ts'
import type { S3Access } from './s3-access.ts'

const PROBE = 'Millrace writes this object when it starts, to see whether it can.\n'

/** Short: at a start a wrong address is likelier than an outage. */
const PROBE_RETRY_POLICY = { ...DEFAULT_RETRY_POLICY, deadlineMs: 8_000, maxPauseMs: 1_000 }

export async function probe(access: S3Access): Promise<void> {
  const { client, location } = access
  const object = { Bucket: location.bucket, Key: location.probeKey }
  const options = { policy: PROBE_RETRY_POLICY }

  const put = () =>
    access.request('s3:PutObject', 'write a probe', options, async (send) => {
      try {
        await client.send(new PutObjectCommand({ ...object, Body: PROBE, IfNoneMatch: '*' }), send)
        return 'published'
      } catch (error) {
        if (isTaken(error)) return 'taken'
        throw error
      }
    })
  // The first write here is published; whatever comes after it must be refused.
  if ((await put()) === 'published' && (await put()) === 'published') {
    throw new MillraceError('MR_STORAGE_UNSUPPORTED', `${location.uri} replaces an object in spite of If-None-Match`)
  }

  await Promise.all([
    access.request('s3:GetObject', 'read a probe', options, async (send) => {
      const { Body } = await client.send(new GetObjectCommand(object), send)
      await Body?.transformToByteArray()
    }),
    access.request('s3:ListBucket', 'list', options, (send) =>
      client.send(new ListObjectsV2Command({ Bucket: location.bucket, Prefix: location.probeKey, MaxKeys: 1 }), send),
    ),
    // Of an object that is not there: that is no error, but a missing right is.
    access.request('s3:DeleteObject', 'delete', options, (send) =>
      client.send(new DeleteObjectCommand({ ...object, Key: `${location.probeKey}-none` }), send),
    ),
  ])
}
