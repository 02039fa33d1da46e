/**
 * A large file in parts, several at a time. Nothing is seen under the key until the upload is completed, and that is
 * conditional as a put is.
 */
import {
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { assert, defined } from '../../src/common/assert.ts'
import type { ByteRuns } from '../../src/common/byte-runs.ts'
import { unlessAborted } from '../../src/common/unless-aborted.ts'
import { abandonUpload, type Upload } from './abandon-upload.ts'
import { isTaken, type PutOutcome } from './put-object.ts'
import type { S3Access } from './s3-access.ts'
import { failureOf } from './s3-failure.ts'

/** S3 takes parts from 5 MiB on, but for the last, and at most 10,000 of them. */
export const PART_BYTES = 5 * 1024 * 1024
const MAX_PARTS = 10_000
const PARALLEL_PARTS = 4

export async function multipartUpload(
  access: S3Access,
  key: string,
  what: string,
  file: ByteRuns,
  signal: AbortSignal | undefined,
): Promise<PutOutcome> {
  const upload = await begin(access, key, what, signal)
  let outcome: PutOutcome | undefined
  try {
    const parts = await uploadParts(access, upload, what, file, signal)
    outcome = await complete(access, upload, what, parts, signal)
    return outcome
  } finally {
    if (outcome !== 'published') access.inBackground(abandonUpload(access, upload))
  }
}

/** An abort does not interrupt the request: an upload whose id is not known could not be dropped. */
async function begin(access: S3Access, key: string, what: string, signal: AbortSignal | undefined): Promise<Upload> {
  const object = { Bucket: access.location.bucket, Key: key }
  const command = new CreateMultipartUploadCommand({ ...object, ChecksumAlgorithm: 'CRC32' })
  const beginning = access.request('s3:PutObject', what, { signal }, async ({ requestTimeout }): Promise<Upload> => {
    const { UploadId } = await access.client.send(command, { requestTimeout })
    return { ...object, UploadId: defined(UploadId, 'upload id') }
  })
  try {
    return await unlessAborted(signal, () => beginning)
  } catch (error) {
    access.inBackground(
      beginning.then(
        (upload) => abandonUpload(access, upload),
        () => undefined,
      ),
    )
    throw error
  }
}

async function complete(
  access: S3Access,
  upload: Upload,
  what: string,
  parts: CompletedPart[],
  signal: AbortSignal | undefined,
): Promise<PutOutcome> {
  const command = new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: parts }, IfNoneMatch: '*' })
  return access.request('s3:PutObject', what, { signal }, async (send) => {
    try {
      await access.client.send(command, send)
      return 'published'
    } catch (error) {
      if (isTaken(error) || isGone(error)) return 'taken'
      throw error
    }
  })
}

async function uploadParts(
  access: S3Access,
  upload: Upload,
  what: string,
  file: ByteRuns,
  signal: AbortSignal | undefined,
): Promise<CompletedPart[]> {
  const partBytes = Math.max(PART_BYTES, Math.ceil(file.bytes / MAX_PARTS))
  const count = Math.ceil(file.bytes / partBytes)
  assert(count <= MAX_PARTS, 'an upload has at most 10,000 parts')
  const parts: CompletedPart[] = []
  const failed = new AbortController()
  const stop = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal])
  let next = 0
  let turn = Promise.resolve()
  const uploadNext = async () => {
    for (let i = next++; i < count; i = next++) {
      // Copying and hashing a part takes milliseconds: one part a turn, so that records are processed in between.
      await (turn = turn.then(() => access.turn()))
      const body = file.slice(i * partBytes, Math.min(file.bytes, (i + 1) * partBytes))
      const command = new UploadPartCommand({ ...upload, PartNumber: i + 1, Body: body })
      const { ETag, ChecksumCRC32 } = await access.request('s3:PutObject', what, { signal: stop, bytes: body.length }, (send) =>
        access.client.send(command, send),
      )
      parts[i] = { PartNumber: i + 1, ETag, ...(ChecksumCRC32 === undefined ? {} : { ChecksumCRC32 }) }
    }
  }
  const uploading = Array.from({ length: Math.min(PARALLEL_PARTS, count) }, uploadNext)
  try {
    await Promise.all(uploading)
  } catch (error) {
    failed.abort(error)
    // A part that arrives after the abort would stay.
    await Promise.allSettled(uploading)
    throw error
  }
  return parts
}

/**
 * An upload that is not there: it was completed by an attempt whose answer was lost. Or it met a conflict: a 409 at its
 * end makes S3 forget it, and everything is uploaded anew.
 */
function isGone(error: unknown): boolean {
  const { name } = failureOf(error)
  return name === 'NoSuchUpload' || name === 'ConditionalRequestConflict'
}
