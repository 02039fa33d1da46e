/** Deletes many objects with few requests. */
import { DeleteObjectCommand, DeleteObjectsCommand } from '@aws-sdk/client-s3'
import type { S3Access } from './s3-access.ts'
import { failureOf } from './s3-failure.ts'

/** S3 takes so many in one request. */
const BATCH = 1000
const PARALLEL_SINGLES = 8

export async function deleteObjects(access: S3Access, keys: readonly string[]): Promise<void> {
  for (let start = 0; start < keys.length; start += BATCH) await deleteBatch(access, keys.slice(start, start + BATCH))
}

/** An answer may name keys that could not be deleted: those are asked for again, while their errors may pass. */
async function deleteBatch(access: S3Access, keys: readonly string[]): Promise<void> {
  let left = keys
  const isDone = await access.request('s3:DeleteObject', `delete ${keys.length} files`, {}, async (send) => {
    try {
      const { Errors = [] } = await access.client.send(
        new DeleteObjectsCommand({
          Bucket: access.location.bucket,
          Delete: { Objects: left.map((Key) => ({ Key })), Quiet: true },
        }),
        send,
      )
      const refused = Errors.filter(({ Code }) => Code !== 'NoSuchKey')
      left = refused.flatMap(({ Key }) => (Key === undefined ? [] : [Key]))
      const worst = refused.find(({ Code }) => !failureOf(asError(Code)).isTransient) ?? refused[0]
      if (worst !== undefined) throw asError(worst.Code, `${worst.Key}: ${worst.Message}`)
      return true
    } catch (error) {
      if (lacksBatches(error)) return false
      throw error
    }
  })
  if (!isDone) await deleteOneByOne(access, left)
}

function asError(code = 'UnknownError', message = code): Error {
  const httpStatusCode = code === 'AccessDenied' ? 403 : undefined
  return Object.assign(new Error(message), { name: code, $metadata: { httpStatusCode } })
}

/** Google's store has no batches, and older ones of others insist on MD5, which the SDK no longer sends. */
function lacksBatches(error: unknown): boolean {
  const { name, httpStatus } = failureOf(error)
  return ['NotImplemented', 'MethodNotAllowed', 'MissingContentMD5'].includes(name) || httpStatus === 501 || httpStatus === 405
}

async function deleteOneByOne(access: S3Access, keys: readonly string[]): Promise<void> {
  const waiting = [...keys].reverse()
  const deleteNext = async () => {
    for (let key = waiting.pop(); key !== undefined; key = waiting.pop()) {
      const command = new DeleteObjectCommand({ Bucket: access.location.bucket, Key: key })
      await access.request('s3:DeleteObject', `delete ${key}`, {}, (send) => access.client.send(command, send))
    }
  }
  await Promise.all(Array.from({ length: PARALLEL_SINGLES }, deleteNext))
}
