/** Conditional writes. `taken`: an object is there; it may be this very one, put by an attempt whose answer was lost. */
import { PutObjectCommand } from '@aws-sdk/client-s3'
import type { S3Access } from './s3-access.ts'
import { failureOf } from './s3-failure.ts'

export type PutOutcome = 'published' | 'taken'

export async function putObject(
  access: S3Access,
  key: string,
  what: string,
  body: Buffer,
  signal: AbortSignal | undefined,
): Promise<PutOutcome> {
  return access.request('s3:PutObject', what, { signal, bytes: body.length }, async (send) => {
    try {
      const command = new PutObjectCommand({ Bucket: access.location.bucket, Key: key, Body: body, IfNoneMatch: '*' })
      await access.client.send(command, send)
      return 'published'
    } catch (error) {
      if (isTaken(error)) return 'taken'
      throw error
    }
  })
}

export function isTaken(error: unknown): boolean {
  const { name, httpStatus } = failureOf(error)
  return name === 'PreconditionFailed' || httpStatus === 412
}
