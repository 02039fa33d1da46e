/**
 * `metadata.json`: a whole checkpoint in one self-contained file. Documented in docs/formats.md. Its SHA-256 stands in
 * `checkpoint-completed`, so that what is restored is what was completed.
 */
import { createHash } from 'node:crypto'
import { MillraceError } from '../common/errors.ts'
import type { TaskKey } from '../records/task-id.ts'
import type { ByPartition, ExchangePosition, ParticipantCommittable, SourcePositions } from './manifest.ts'
import type { CheckpointKind } from './protocol/control-records.ts'

export type { SourcePositions } from './manifest.ts'

export const METADATA_FORMAT = 'millrace-checkpoint'
export const METADATA_VERSION = 1

/** One state of one operator. Found again by operator and name; the id stands in the state keys. */
export interface StateDescription {
  readonly id: number
  readonly operator: string
  readonly name: string
  readonly codec: string
  readonly codecVersion: number
}

/** One link of a task's chain: a slice of a segment. */
export interface ChainLink {
  /** Index into `segments`. */
  readonly segment: number
  readonly offset: number
  readonly bytes: number
  readonly entries: number
}

export interface SegmentReference {
  readonly path: string
  readonly bytes: number
  readonly sha256: string
  /** The first completed checkpoint that holds it: local state of an older one lacks it (R13). */
  readonly since: number
}

export interface ExchangePositions {
  /** The topic id: another one is refused. */
  readonly identity: string
  /** How many there are: keys are spread over all of them. */
  readonly partitions: number
  /** Partition → where it has been read to; absent: from the beginning. */
  readonly positions: Readonly<Record<string, ExchangePosition>>
}

/** A writer of this epoch or an earlier one, some of whose frames may not be read yet (R17). */
export interface WriterChannels {
  readonly producerId: number
  readonly epoch: number
  /** Frames below these offsets are part of this checkpoint; what the writer wrote behind them is not. */
  readonly ends: ByPartition<number>
}

export interface CheckpointMetadata {
  readonly format: typeof METADATA_FORMAT
  readonly version: number
  readonly applicationId: string
  readonly checkpoint: number
  readonly epoch: number
  readonly kind: CheckpointKind
  /** The checkpoint this one builds on; null for the first. Local state of an ancestor may be used (R13). */
  readonly parent: { readonly checkpoint: number; readonly sha256: string } | null
  readonly triggeredAt: string
  readonly completedAt: string
  readonly durationMs: number
  readonly graphDigest: string
  readonly sources: Readonly<Record<string, SourcePositions>>
  readonly exchanges: Readonly<Record<string, ExchangePositions>>
  readonly writers: readonly WriterChannels[]
  /** Task → its watermark; absent: none yet. */
  readonly watermarks: Readonly<Record<TaskKey, number>>
  readonly states: readonly StateDescription[]
  /** Every segment that a chain refers to, oldest first. */
  readonly segments: readonly SegmentReference[]
  /** Task → its slices, oldest first. */
  readonly chains: Readonly<Record<TaskKey, readonly ChainLink[]>>
  /** Prepared transactions, by worker, oldest first. */
  readonly committables: Readonly<Record<string, readonly ParticipantCommittable[]>>
  /** Bytes that this checkpoint wrote, and bytes that a restore would read. */
  readonly writtenBytes: number
  readonly totalBytes: number
}

export function checkpointPath(applicationId: string, checkpoint: number, epoch: number): string {
  return `${applicationId}/checkpoints/${String(checkpoint).padStart(10, '0')}-e${epoch}/metadata.json`
}

export function segmentPath(applicationId: string, checkpoint: number, epoch: number, workerIndex: number): string {
  return `${applicationId}/segments/${String(checkpoint).padStart(10, '0')}-e${epoch}-w${workerIndex}.seg`
}

export function encodeMetadata(metadata: CheckpointMetadata): { bytes: Buffer; sha256: string } {
  const bytes = Buffer.from(`${JSON.stringify(metadata, null, 1)}\n`)
  return { bytes, sha256: sha256Hex(bytes) }
}

export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/**
 * @param expectedSha256 that of the control log; omit it where none is known
 * @throws MR_CHECKPOINT_CORRUPT, MR_CHECKPOINT_UNKNOWN_VERSION
 */
export function decodeMetadata(bytes: Buffer, path: string, expectedSha256?: string): CheckpointMetadata {
  const found = sha256Hex(bytes)
  if (expectedSha256 !== undefined && found !== expectedSha256) {
    throw new MillraceError('MR_CHECKPOINT_CORRUPT', `${path} has SHA-256 ${found}, the control log says ${expectedSha256}`)
  }
  let parsed: Partial<CheckpointMetadata>
  try {
    parsed = JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw new MillraceError('MR_CHECKPOINT_CORRUPT', `${path} is not JSON`, { cause })
  }
  if (parsed.format !== METADATA_FORMAT) {
    throw new MillraceError('MR_CHECKPOINT_CORRUPT', `${path} is not the metadata of a Millrace checkpoint`)
  }
  if (parsed.version !== METADATA_VERSION) {
    throw new MillraceError(
      'MR_CHECKPOINT_UNKNOWN_VERSION',
      `${path} has format version ${JSON.stringify(parsed.version)}; this release reads version ${METADATA_VERSION}`,
    )
  }
  return parsed as CheckpointMetadata
}
