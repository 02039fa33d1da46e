/**
 * `metadata.json` of a savepoint: a whole job in one folder, which may be copied to any other place. All paths are
 * relative to it, nothing refers to what lies outside, and it is written last: without it there is no savepoint.
 * Documented in docs/formats.md.
 *
 * Other than a checkpoint it holds no transactions: all of them are committed before it is written. And it holds the
 * records that were on their way through exchanges at the cut, so that no topic of the job is needed.
 */
import { MillraceError } from '../../common/errors.ts'
import type { TaskKey } from '../../records/task-id.ts'
import type { ByPartition } from '../manifest.ts'
import { type SourcePositions, type StateDescription, sha256Hex } from '../metadata.ts'

export const SAVEPOINT_FORMAT = 'millrace-savepoint'
export const SAVEPOINT_VERSION = 1
/** In the savepoint's folder. */
export const SAVEPOINT_METADATA = 'metadata.json'

export interface SavepointFile {
  /** Relative to the savepoint's folder. */
  readonly path: string
  readonly bytes: number
  readonly sha256: string
}

/** Bytes [offset, offset + bytes) of a file. */
export interface SavepointRange {
  /** Index into `files`. */
  readonly file: number
  readonly offset: number
  readonly bytes: number
  /** Of a task's state: entries. Of what is in flight: frames. */
  readonly entries: number
}

export interface SavepointExchange {
  readonly partitions: number
  /** What wrote the values of its records. */
  readonly values: string
}

/** Its tasks are named `<stage>/<partition>`. */
export interface SavepointStage {
  readonly input: 'source' | 'exchange'
  /** How its keys become bytes. */
  readonly keys: string
  /** The operators that keep state in its tasks. */
  readonly operators: readonly string[]
}

export interface SavepointMetadata {
  readonly format: typeof SAVEPOINT_FORMAT
  readonly version: number
  readonly applicationId: string
  /** The checkpoint that it was made from. */
  readonly checkpoint: number
  readonly epoch: number
  /** The job was stopped at its cut: nothing was processed behind it. */
  readonly isStopped: boolean
  /** When that checkpoint was complete. */
  readonly completedAt: string
  readonly graphDigest: string
  /** Source → where it goes on, and what that belongs to. */
  readonly sources: Readonly<Record<string, SourcePositions>>
  readonly exchanges: Readonly<Record<string, SavepointExchange>>
  /** By name: that of its source or exchange. */
  readonly stages: Readonly<Record<string, SavepointStage>>
  /** Task → its watermark; absent: none yet. */
  readonly watermarks: Readonly<Record<TaskKey, number>>
  readonly states: readonly StateDescription[]
  /** Task → slices of its state: keys ascend over all of them; no deletions. A task without state is absent. */
  readonly tasks: Readonly<Record<TaskKey, readonly SavepointRange[]>>
  /** Exchange → partition → frames of records, not processed yet, in their order. */
  readonly inFlight: ByPartition<readonly SavepointRange[]>
  readonly files: readonly SavepointFile[]
  /** Of all files. */
  readonly totalBytes: number
}

export function encodeSavepoint(metadata: SavepointMetadata): { bytes: Buffer; sha256: string } {
  const bytes = Buffer.from(`${JSON.stringify(metadata, null, 1)}\n`)
  return { bytes, sha256: sha256Hex(bytes) }
}

/**
 * @param uri of the savepoint, for messages
 * @throws MR_SAVEPOINT_CORRUPT, MR_SAVEPOINT_UNKNOWN_VERSION
 */
export function decodeSavepoint(bytes: Buffer, uri: string): SavepointMetadata {
  let parsed: Partial<SavepointMetadata> | null
  try {
    parsed = JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw new MillraceError('MR_SAVEPOINT_CORRUPT', `${uri}/${SAVEPOINT_METADATA} is not JSON`, { cause })
  }
  if (parsed?.format !== SAVEPOINT_FORMAT) {
    throw new MillraceError('MR_SAVEPOINT_CORRUPT', `${uri}/${SAVEPOINT_METADATA} is not the metadata of a Millrace savepoint`)
  }
  if (parsed.version !== SAVEPOINT_VERSION) {
    throw new MillraceError(
      'MR_SAVEPOINT_UNKNOWN_VERSION',
      `${uri} has format version ${JSON.stringify(parsed.version)}; this release reads version ${SAVEPOINT_VERSION}`,
    )
  }
  return parsed as SavepointMetadata
}

/** Of the default place of a job's savepoints; relative to the root of its checkpoint storage. */
export function savepointsPrefix(applicationId: string): string {
  return `${applicationId}/savepoints/`
}

/** No other savepoint has this name: a checkpoint's number is used once in an epoch. */
export function savepointName(checkpoint: number, epoch: number): string {
  return `${String(checkpoint).padStart(10, '0')}-e${epoch}`
}
