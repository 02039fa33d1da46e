/** Reads an object, or a part of it, whole. */
import { GetObjectCommand } from '@aws-sdk/client-s3'
import type { S3Access } from './s3-access.ts'
import { failureOf } from './s3-failure.ts'

export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** Fewer bytes than the range where the object ends before. */
export function getObject(
  access: S3Access,
  key: string,
  what: string,
  range: ByteRange | undefined,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  const command = new GetObjectCommand({
    Bucket: access.location.bucket,
    Key: key,
    ...(range === undefined ? {} : { Range: `bytes=${range.start}-${range.end - 1}` }),
  })
  return access.request('s3:GetObject', what, { signal }, async (send) => {
    try {
      const { Body, ContentLength, ContentRange } = await access.client.send(command, send)
      const bytes = await collect(Body as AsyncIterable<Uint8Array>, ContentLength)
      // Some stores ignore a range and send everything.
      return range !== undefined && ContentRange === undefined ? bytes.subarray(range.start, range.end) : bytes
    } catch (error) {
      if (range !== undefined && isBehindTheEnd(error)) return Buffer.alloc(0)
      throw error
    }
  })
}

function isBehindTheEnd(error: unknown): boolean {
  const { name, httpStatus } = failureOf(error)
  return name === 'InvalidRange' || httpStatus === 416
}

async function collect(body: AsyncIterable<Uint8Array>, expectedBytes: number | undefined): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    bytes += chunk.length
  }
  if (expectedBytes !== undefined && bytes !== expectedBytes) {
    throw Object.assign(new Error(`the answer has ${bytes} bytes instead of ${expectedBytes}`), { name: 'ShortBody' })
  }
  return Buffer.concat(chunks, bytes)
}
