/** Opens checkpoint storage by the scheme of its URI. Beside the wiring and the entries the only file of src that knows connectors. */
import type { StorageConfig } from './cli/cli-environment.ts'
import { MillraceError } from './common/errors.ts'
import type { CheckpointStorage } from './ports/checkpoint-storage.ts'

/**
 * Each connector is loaded when it is used: the AWS SDK takes its time and memory.
 *
 * @param patienceMs how long a store that does not answer is asked again; by default as long as a job can do without it
 */
export async function openStorage(config: StorageConfig, patienceMs?: number): Promise<CheckpointStorage> {
  const uri = config.checkpoints
  switch (uri.slice(0, uri.indexOf(':'))) {
    case 'file': {
      const { createFileStorage } = await import('../connectors/file/file-storage.ts')
      return createFileStorage(uri)
    }
    case 's3': {
      const { createS3Storage } = await import('../connectors/s3/s3-storage.ts')
      const options = {
        uri,
        endpoint: config.s3Endpoint,
        region: config.s3Region,
        forcePathStyle: config.s3PathStyle,
        accessKeyId: config.s3AccessKeyId,
        secretAccessKey: config.s3SecretAccessKey?.reveal(),
      }
      const { DEFAULT_RETRY_POLICY } = await import('../connectors/s3/retry.ts')
      return createS3Storage(options, { ...DEFAULT_RETRY_POLICY, ...(patienceMs !== undefined && { deadlineMs: patienceMs }) })
    }
    default:
      throw new MillraceError('MR_CONFIG_INVALID_VALUE', `checkpoints is ${uri}; known are file: and s3:`)
  }
}
