/** Checkpoints in S3 or a store that speaks its protocol. */

import { ByteRuns } from '../../src/common/byte-runs.ts'
import { systemClock } from '../../src/common/clock.ts'
import { isMillraceError, MillraceError } from '../../src/common/errors.ts'
import type { CheckpointStorage, StoredFile } from '../../src/ports/checkpoint-storage.ts'
import { checkRange } from '../../src/ports/storage-path.ts'
import { dropAbandonedUploads } from './abandoned-uploads.ts'
import { deleteObjects } from './delete-objects.ts'
import { getObject } from './get-object.ts'
import { listObjects } from './list-objects.ts'
import { multipartUpload, PART_BYTES } from './multipart-upload.ts'
import { probe } from './probe.ts'
import { putObject } from './put-object.ts'
import { DEFAULT_RETRY_POLICY, type RetryPolicy } from './retry.ts'
import { S3Access } from './s3-access.ts'
import { createS3Client, type S3ClientOptions } from './s3-client.ts'
import { S3Location } from './s3-location.ts'

export interface S3StorageOptions extends S3ClientOptions {
  /** `s3://bucket/prefix` */
  readonly uri: string
}

/** A key that is taken one moment and free the next, so often in a row, is a store that does not keep its word. */
const MAX_ROUNDS = 5

export function createS3Storage(options: S3StorageOptions, policy: RetryPolicy = DEFAULT_RETRY_POLICY): CheckpointStorage {
  return new S3Storage(
    new S3Access({
      client: createS3Client(options),
      location: new S3Location(options.uri),
      endpoint: options.endpoint,
      policy,
      clock: systemClock,
    }),
  )
}

export class S3Storage implements CheckpointStorage {
  readonly uri: string
  private readonly access: S3Access
  private readonly location: S3Location

  constructor(access: S3Access) {
    this.access = access
    this.location = access.location
    this.uri = access.location.uri
  }

  async check(): Promise<void> {
    await probe(this.access)
    this.access.inBackground(dropAbandonedUploads(this.access, systemClock.nowMs()))
  }

  async put(path: string, chunks: readonly Uint8Array[], signal?: AbortSignal): Promise<void> {
    const key = this.location.keyOf(path)
    const what = `write ${path}`
    const file = new ByteRuns(chunks)
    for (let round = 1; ; round++) {
      const outcome =
        file.bytes <= PART_BYTES
          ? await putObject(this.access, key, what, file.slice(0, file.bytes), signal)
          : await multipartUpload(this.access, key, what, file, signal)
      if (outcome === 'published') return
      const found = await this.compare(path, file, signal)
      if (found === 'same') return
      if (found === 'other') throw new MillraceError('MR_STORAGE_EXISTS', `${path} exists in ${this.uri} with other contents`)
      if (round === MAX_ROUNDS) {
        throw new MillraceError('MR_STORAGE_REFUSED', `${this.uri} says that ${path} exists, and that it does not`)
      }
      // Deleted meanwhile, or the other writer's attempt failed.
      await this.access.pause(signal)
    }
  }

  async get(path: string, signal?: AbortSignal): Promise<Buffer> {
    return getObject(this.access, this.location.keyOf(path), `read ${path}`, undefined, signal)
  }

  async getRange(path: string, start: number, end: number, signal?: AbortSignal): Promise<Buffer> {
    checkRange(start, end)
    const key = this.location.keyOf(path)
    // No header can ask for nothing.
    if (start === end) return Buffer.alloc(0)
    return getObject(this.access, key, `read ${path}`, { start, end }, signal)
  }

  list(prefix: string): AsyncIterable<StoredFile> {
    return listObjects(this.access, prefix)
  }

  async delete(paths: readonly string[]): Promise<void> {
    await deleteObjects(
      this.access,
      paths.map((path) => this.location.keyOf(path)),
    )
  }

  close(): Promise<void> {
    return this.access.close()
  }

  /** Reads what is there in pieces, so that a large file is not twice in memory. */
  private async compare(path: string, file: ByteRuns, signal: AbortSignal | undefined): Promise<'same' | 'other' | 'missing'> {
    try {
      for (let start = 0; ; start += PART_BYTES) {
        // One byte more than there should be, at the end, shows a longer file.
        const end = Math.min(start + PART_BYTES, file.bytes + 1)
        const found = await this.getRange(path, start, end, signal)
        if (!found.equals(file.slice(start, Math.min(end, file.bytes)))) return 'other'
        if (end > file.bytes) return 'same'
      }
    } catch (error) {
      if (isMillraceError(error, 'MR_STORAGE_NOT_FOUND')) return 'missing'
      throw error
    }
  }
}
