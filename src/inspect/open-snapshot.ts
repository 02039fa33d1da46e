/** Finds a checkpoint or savepoint: by its URI, or as one of a job's checkpoints. */
import { decodeMetadata } from '../checkpoint/metadata.ts'
import { decodeSavepoint, SAVEPOINT_METADATA } from '../checkpoint/savepoint/savepoint-metadata.ts'
import { isMillraceError, MillraceError } from '../common/errors.ts'
import type { CheckpointStorage } from '../ports/checkpoint-storage.ts'
import { CheckpointCatalogue } from './checkpoint-catalogue.ts'
import { type Snapshot, snapshotOfCheckpoint, snapshotOfSavepoint } from './snapshot.ts'

/** A checkpoint of a job, in the storage of its checkpoints. */
export interface JobCheckpoint {
  readonly applicationId: string
  /** Undefined: the newest. */
  readonly checkpoint: number | undefined
}

export interface SnapshotPlace {
  /** URI of the storage's root: what its paths are relative to. */
  readonly root: string
  /** Of the metadata. */
  readonly path: string
}

/** A checkpoint's folder or its metadata, below the root of the job's storage. */
const CHECKPOINT = /^(.*?)\/+([^/]+\/checkpoints\/\d+-e\d+)(?:\/metadata\.json)?\/*$/

/** @param uri of a checkpoint's or savepoint's folder, or of its metadata.json: absolute */
export function placeOf(uri: string): SnapshotPlace {
  const match = CHECKPOINT.exec(uri)
  if (match !== null) return { root: match[1] === 'file://' ? 'file:///' : match[1]!, path: `${match[2]}/metadata.json` }
  return { root: uri.replace(/\/+$/, '').replace(/\/metadata\.json$/, ''), path: SAVEPOINT_METADATA }
}

/** @throws MR_CLI_NO_CHECKPOINT, MR_CHECKPOINT_…, MR_STORAGE_… */
export async function openSnapshot(storage: CheckpointStorage, path: string): Promise<Snapshot> {
  let bytes: Buffer
  try {
    bytes = await storage.get(path)
  } catch (cause) {
    if (!isMillraceError(cause, 'MR_STORAGE_NOT_FOUND')) throw cause
    throw new MillraceError(
      'MR_CLI_NO_CHECKPOINT',
      `there is no checkpoint or savepoint in ${storage.uri}: it has no ${path}`,
      {
        cause,
        remedy:
          'Name the folder of one, which holds metadata.json: <checkpoints>/<app>/checkpoints/<number>-e<epoch>, as millrace checkpoints list shows it, or the one that millrace savepoint has printed. Or an application id, with --checkpoints.',
      },
    )
  }
  if (path !== SAVEPOINT_METADATA) return snapshotOfCheckpoint(storage, path, decodeMetadata(bytes, path))
  return snapshotOfSavepoint(storage, decodeSavepoint(bytes, storage.uri))
}

/** @throws MR_CLI_NO_CHECKPOINT, MR_CHECKPOINT_…, MR_STORAGE_… */
export async function openJobCheckpoint(
  storage: CheckpointStorage,
  { applicationId, checkpoint }: JobCheckpoint,
): Promise<Snapshot> {
  const files = await new CheckpointCatalogue(storage, applicationId).files()
  const file = files.findLast((one) => checkpoint === undefined || one.checkpoint === checkpoint)
  if (file !== undefined) return openSnapshot(storage, file.path)
  const known = files.map((one) => one.checkpoint).join(', ')
  const what = checkpoint === undefined ? 'no checkpoint' : `no checkpoint ${checkpoint}`
  throw new MillraceError(
    'MR_CLI_NO_CHECKPOINT',
    `there is ${what} of ${applicationId} in ${storage.uri}${known === '' ? '' : `; there are ${known}`}`,
  )
}
