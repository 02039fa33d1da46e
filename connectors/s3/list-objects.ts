/** Objects by prefix, page by page; S3 lists by the bytes of the keys, which is the order of our paths. */
import { ListObjectsV2Command } from '@aws-sdk/client-s3'
import type { StoredFile } from '../../src/ports/checkpoint-storage.ts'
import type { S3Access } from './s3-access.ts'

export async function* listObjects(access: S3Access, prefix: string): AsyncGenerator<StoredFile> {
  const { location, client } = access
  let token: string | undefined
  do {
    const command = new ListObjectsV2Command({
      Bucket: location.bucket,
      Prefix: location.keyPrefixOf(prefix),
      ...(token === undefined ? {} : { ContinuationToken: token }),
    })
    const page = await access.request('s3:ListBucket', `list ${prefix}`, {}, (send) => client.send(command, send))
    for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
      const path = location.pathOf(Key)
      if (path !== undefined) yield { path, bytes: Size, modifiedAtMs: LastModified?.getTime() ?? 0 }
    }
    token = page.IsTruncated === true ? page.NextContinuationToken : undefined
  } while (token !== undefined)
}
