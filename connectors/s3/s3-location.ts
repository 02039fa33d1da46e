/** Where a storage lies: `s3://bucket/prefix`, and how its paths become keys. */
import { MillraceError } from '../../src/common/errors.ts'
import { checkedStoragePath, checkedStoragePrefix, isStoragePath } from '../../src/ports/storage-path.ts'

export class S3Location {
  readonly uri: string
  readonly bucket: string
  /** Empty, or ends with a slash. */
  private readonly prefix: string

  constructor(uri: string) {
    const match = /^s3:\/\/([^/]+)\/*(.*?)\/*$/.exec(uri)
    if (match === null) {
      throw new MillraceError('MR_CONFIG_INVALID_VALUE', `checkpoints is ${uri}; expected s3://bucket or s3://bucket/prefix`)
    }
    const [, bucket = '', prefix = ''] = match
    this.bucket = bucket
    this.prefix = prefix === '' ? '' : `${prefix}/`
    this.uri = prefix === '' ? `s3://${bucket}` : `s3://${bucket}/${prefix}`
  }

  keyOf(path: string): string {
    return this.prefix + checkedStoragePath(path)
  }

  /** Of a path's beginning, which may end anywhere. */
  keyPrefixOf(pathPrefix: string): string {
    return this.prefix + checkedStoragePrefix(pathPrefix)
  }

  /** Undefined for objects that no path can name: what others put there, and our probe. */
  pathOf(key: string): string | undefined {
    const path = key.slice(this.prefix.length)
    return isStoragePath(path) ? path : undefined
  }

  /** The key of the object that `check` writes and reads: no path has a `~`. */
  get probeKey(): string {
    return `${this.prefix}~probe`
  }
}
