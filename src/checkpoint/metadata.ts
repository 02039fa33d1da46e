/**
 * `metadata.json`: a whole checkpoint in one self-contained file. Documented in docs/formats.md. Its SHA-256 stands in
 * `checkpoint-completed`, so that what is restored is what was completed.
 */
import { createHash } from 'node:crypto'
import { MillraceError } from '../common/errors.ts'
import type { TaskKey } from '../records/task-id.ts'
import type { TimeToLive } from '../records/time-to-live.ts'
import type { ByPartition, ExchangePosition, ParticipantCommittable, SourcePositions } from './manifest.ts'
import type { CheckpointKind, TakenSavepoint } from './protocol/control-records.ts'

export type { SourcePositions } from './manifest.ts'

export const METADATA_FORMAT = 'millrace-checkpoint'
/** Without merged links. What a release without compaction wrote, and reads. */
const PLAIN_VERSION = 1
/** With merged links: who takes them for plain ones would mix up states. */
export const MERGED_VERSION = 2

/** One state of one operator. Found again by operator and name; the id stands in the state keys. */
export interface StateDescription {
  readonly id: number
  readonly operator: string
  readonly name: string
  readonly kind: 'value' | 'list' | 'map' | 'reducing' | 'aggregating'
  /** What writes the values now. */
  readonly codec: string
  /** What it writes in front of each value. */
  readonly codecVersion: number
  /** Versions that values not changed since may have. */
  readonly olderVersions: readonly { readonly version: number; readonly codec: string }[]
  /** How the keys of a map become bytes; null: no map. */
  readonly mapKeys: string | null
  /** Whether values may have an expiry. */
  readonly expires: boolean
  /** The stage of the operator, whose tasks hold the state. Absent, as the two below, in what earlier builds wrote. */
  readonly stage?: string
  /** How the keys of the operator become bytes. */
  readonly keys?: string
  /** How long what is written now lives; null: for ever. */
  readonly ttl?: TimeToLive | null
}

/** One link of a task's chain: a slice of a segment. */
export interface ChainLink {
  /** Index into `segments`. */
  readonly segment: number
  readonly offset: number
  readonly bytes: number
  readonly entries: number
  /** Of a link that compaction has made; absent: the changes of its segment's `since` alone. */
  readonly merged?: MergedRange
}

/** Which changes a merged link stands for: those of the checkpoints `from` to `to`, both included. */
export interface MergedRange {
  readonly from: number
  readonly to: number
  /** Nothing older exists, so deletions are left out: it cannot be put on top of older state. */
  readonly isBottom: boolean
  /** A large result is several links of different keys, ascending: 0, 1, … */
  readonly part: number
}

export interface SegmentReference {
  readonly path: string
  readonly bytes: number
  readonly sha256: string
  /** The first completed checkpoint that refers to it. */
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
  /** 2 where a link is merged, else 1. */
  readonly version: number
  readonly applicationId: string
  readonly checkpoint: number
  readonly epoch: number
  readonly kind: CheckpointKind
  /** Only of the copy of a savepoint that a job begins with: which one. */
  readonly savepoint?: TakenSavepoint
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

export function versionFor(chains: CheckpointMetadata['chains']): number {
  const isMerged = Object.values(chains).some((chain) => chain.some((link) => link.merged !== undefined))
  return isMerged ? MERGED_VERSION : PLAIN_VERSION
}

export function checkpointPath(applicationId: string, checkpoint: number, epoch: number): string {
  return `${applicationId}/checkpoints/${String(checkpoint).padStart(10, '0')}-e${epoch}/metadata.json`
}

export function segmentPath(applicationId: string, checkpoint: number, epoch: number, workerIndex: number): string {
  return `${applicationId}/segments/${String(checkpoint).padStart(10, '0')}-e${epoch}-w${workerIndex}.seg`
}

/** Of what compaction writes beside segments; `checkpoint` was the last one cut, `part` counts the epoch's. */
export function mergedPath(applicationId: string, checkpoint: number, epoch: number, worker: number, part: number): string {
  return `${applicationId}/segments/${String(checkpoint).padStart(10, '0')}-e${epoch}-w${worker}-m${part}.seg`
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
  if (parsed.version !== PLAIN_VERSION && parsed.version !== MERGED_VERSION) {
    throw new MillraceError(
      'MR_CHECKPOINT_UNKNOWN_VERSION',
      `${path} has format version ${JSON.stringify(parsed.version)}; this release reads versions ${PLAIN_VERSION} and ${MERGED_VERSION}`,
    )
  }
  return parsed as CheckpointMetadata
}
