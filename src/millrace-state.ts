/** The public entry `millrace/state`: looks at the state of checkpoints and savepoints, with neither the job nor Kafka. */
import { STORAGE_OPTION_KEYS } from './cli/cli-environment.ts'
import { MillraceError } from './common/errors.ts'
import { type MillraceConfig, optionOf } from './config/config.ts'
import { layerOfEnvironment, layerOfJob } from './config/layers.ts'
import { environmentName } from './config/option.ts'
import { storageUri } from './config/option-types.ts'
import { APPLICATION_ID } from './config/options/application-id.ts'
import { resolveConfig } from './config/resolve.ts'
import { openJobCheckpoint, openSnapshot, placeOf } from './inspect/open-snapshot.ts'
import type { RewriteOptions } from './inspect/rewrite/rewrite-plan.ts'
import { rewriteSavepoint as rewrite } from './inspect/rewrite/rewrite-savepoint.ts'
import type { Snapshot } from './inspect/snapshot.ts'
import { type ReadOptions, StoredState } from './inspect/stored-state.ts'
import { openStorage } from './open-storage.ts'
import type { CheckpointStorage } from './ports/checkpoint-storage.ts'

export { type ComparedEntry, compare, type StateComparison, type StateDifference } from './inspect/compare.ts'
export type { RewriteOptions, StateMapping } from './inspect/rewrite/rewrite-plan.ts'
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
 * @throws MR_CLI_NO_CHECKPOINT, MR_CONFIG_…, MR_CHECKPOINT_…, MR_SAVEPOINT_…, MR_STORAGE_…
 *
 * @example
 * await using state = await openState('s3://bucket/jobs/flights/checkpoints/0000000042-e7')
 * for await (const { key, value } of state.operator('delays').aggregating<Row>()) console.log(key, value.mean)
 */
export async function openState(where: string | CheckpointOfJob, options: OpenStateOptions = {}): Promise<StoredState> {
  const { storage: own = {}, ...reading } = options
  if (typeof where !== 'string') {
    const { checkpoints, checkpoint } = where
    const applicationId = where.appId
    if (!APPLICATION_ID.pattern.test(applicationId)) throw invalid('appId', applicationId, APPLICATION_ID.accepts)
    return open(placeGiven('checkpoints', checkpoints), own, reading, (storage) =>
      openJobCheckpoint(storage, { applicationId, checkpoint }),
    )
  }
  // Absolute before it is taken apart.
  const { root, path } = placeOf(placeGiven('where', where))
  return open(root, own, reading, (storage) => openSnapshot(storage, path))
}

/**
 * Writes a savepoint anew, with another number of partitions, dropped state or mapped values; the one that is read stays as
 * it is. A mapping that fails leaves nothing behind.
 *
 * @param to the folder of the new savepoint, `file:` or `s3:`
 * @throws MR_STATE_REWRITE_REFUSED, MR_STATE_NOT_FOUND, MR_STATE_MAPPING_FAILED, MR_STATE_CODEC_UNKNOWN, MR_SAVEPOINT_…, MR_STORAGE_…
 *
 * @example
 * await rewriteSavepoint(state, 's3://bucket/rewritten', { partitions: { 'by-customer': 12 }, dropOperators: ['old'] })
 */
export async function rewriteSavepoint(
  from: StoredState,
  to: string,
  { storage: own = {}, ...options }: RewriteOptions & { readonly storage?: StorageOptions } = {},
): Promise<void> {
  const storage = await storageAt(placeGiven('to', to), own)
  try {
    await rewrite(from, storage, options)
  } finally {
    await storage.close()
  }
}

/** As an absolute URI. */
function placeGiven(what: string, text: string): string {
  const uri = storageUri.parse(text)
  if (uri === undefined) throw invalid(what, text, storageUri.accepts)
  return uri
}

function invalid(what: string, given: string, accepts: string): MillraceError {
  return new MillraceError(
    'MR_CONFIG_INVALID_VALUE',
    `${what} is ${JSON.stringify(given)}; expected ${accepts.replaceAll('`', '')}`,
  )
}

async function open(
  checkpoints: string,
  own: StorageOptions,
  reading: ReadOptions,
  find: (storage: CheckpointStorage) => Promise<Snapshot>,
): Promise<StoredState> {
  const storage = await storageAt(checkpoints, own)
  try {
    return new StoredState(await find(storage), reading)
  } catch (error) {
    await storage.close()
    throw error
  }
}

function storageAt(checkpoints: string, own: StorageOptions): Promise<CheckpointStorage> {
  const names = STORAGE_OPTION_KEYS.map((key) => environmentName(optionOf(key).name))
  // Of the environment no more than that: who uses a library may have variables of his own.
  const environment = Object.fromEntries(names.map((name) => [name, process.env[name]]))
  const layers = [layerOfJob({ ...own, checkpoints }), layerOfEnvironment(environment)]
  return openStorage(resolveConfig(layers, STORAGE_OPTION_KEYS).config)
}
