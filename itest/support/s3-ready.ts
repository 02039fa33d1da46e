/** What every S3 server of the tests has in common, and the two questions put to each. */
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'

export const S3_DEFAULTS = {
  region: 'us-east-1',
  accessKeyId: 'millrace',
  secretAccessKey: 'millrace-secret',
  bucket: 'millrace',
} as const

/** Any answer at all will do: without credentials it is a refusal. */
export async function isS3Ready(endpoint: string): Promise<boolean> {
  return fetch(endpoint, { signal: AbortSignal.timeout(2_000) }).then(
    async (answer) => {
      await answer.body?.cancel()
      return answer.status < 500
    },
    () => false,
  )
}

export async function createBucket(endpoint: string, bucket: string): Promise<void> {
  const { region, accessKeyId, secretAccessKey } = S3_DEFAULTS
  const client = new S3Client({ endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } })
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket }))
  } finally {
    client.destroy()
  }
}
