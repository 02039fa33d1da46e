/** The public entry `millrace/state`: looks at the state of checkpoints and savepoints, with neither the job nor Kafka. */
import { STORAGE_OPTION_KEYS } from './cli/cli-environment.ts'
import type { MillraceConfig } from './config/config.ts'
import { layerOfEnvironment, layerOfJob } from './config/layers.ts'
import { storageUri } from './config/option-types.ts'
import { resolveConfig } from './config/resolve.ts'
import { openJobCheckpoint, openSnapshot, placeOf } from './inspect/open-snapshot.ts'
import type { Snapshot } from './inspect/snapshot.ts'
import { type ReadOptions, StoredState } from './inspect/stored-state.ts'
import { openStorage } from './open-storage.ts'
import type { CheckpointStorage } from './ports/checkpoint-storage.ts'

export { compare, type StateComparison, type StateDifference } from './inspect/compare.ts'
export type { CodecOptions } from './inspect/state-codecs.ts'
export type { StoredEntry } from './inspect/state-reading.ts'
export type { StateSize } from './inspect/state-sizes.ts'
export {
  type OperatorInfo,
  type ReadOptions,
  type StateInfo,
  StoredOperator,
  StoredState,
} from './inspect/stored-state.ts'
export { type KeyedEntry, type MapEntry, StoredMap, StoredValues } from './inspect/stored-values.ts'
export type { KeyCodec } from './ports/source.ts'

/** How S3 is reached; what is not given is taken from the environment, as the commands do. */
export type StorageOptions = Partial<
  Pick<MillraceConfig, 's3Endpoint' | 's3Region' | 's3PathStyle' | 's3AccessKeyId' | 's3SecretAccessKey'>
>

export interface OpenStateOptions extends ReadOptions {
  readonly storage?: StorageOptions
}

/** A checkpoint of a job, by the same two settings as the job's own. */
export interface CheckpointOfJob {
  readonly appId: string
  readonly checkpoints: string
  /** Default: the newest that lies in the storage. */
  readonly checkpoint?: number
}

/**
 * Opens a checkpoint or savepoint: by the URI of its folder or of its metadata.json, `file:` or `s3:`, or as one of a job.
 * Nothing but the metadata is read. Close it, or open it with `await using`.
 *
 * @throws MR_CLI_NO_CHECKPOINT, MR_CHECKPOINT_…, MR_SAVEPOINT_…, MR_STORAGE_…
 *
 * @example
 * await using state = await openState('s3://bucket/jobs/flights/checkpoints/0000000042-e7')
 * for await (const { key, value } of state.operator('delays').aggregating<Row>()) console.log(key, value.mean)
 */
export async function openState(where: string | CheckpointOfJob, options: OpenStateOptions = {}): Promise<StoredState> {
  const { storage: own = {}, ...reading } = options
  if (typeof where !== 'string') {
    const { appId: applicationId, checkpoints, checkpoint } = where
    return open(checkpoints, own, reading, (storage) => openJobCheckpoint(storage, { applicationId, checkpoint }))
  }
  // Absolute before it is taken apart. What is no URI is refused with the others.
  const { root, path } = placeOf(storageUri.parse(where) ?? where)
  return open(root, own, reading, (storage) => openSnapshot(storage, path))
}

async function open(
  checkpoints: string,
  own: StorageOptions,
  reading: ReadOptions,
  find: (storage: CheckpointStorage) => Promise<Snapshot>,
): Promise<StoredState> {
  const layers = [layerOfJob({ ...own, checkpoints }), layerOfEnvironment(process.env)]
  const storage = await openStorage(resolveConfig(layers, STORAGE_OPTION_KEYS).config)
  try {
    return new StoredState(await find(storage), reading)
  } catch (error) {
    await storage.close()
    throw error
  }
}
