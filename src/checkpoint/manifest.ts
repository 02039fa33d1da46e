/** What one worker contributes to one checkpoint; travels in its `checkpoint-acked`. */
import type { ChannelState } from '../ports/exchange.ts'
import type { Committable } from '../ports/transactional-sink.ts'
import type { TaskKey } from '../records/task-id.ts'

/** The part of a segment that belongs to one task: a byte range that can be decoded alone. */
export interface SegmentSlice {
  readonly task: TaskKey
  readonly offset: number
  readonly bytes: number
  readonly entries: number
}

/** A file of sorted state changes between two cuts of one worker. Immutable. */
export interface SegmentFile {
  readonly path: string
  readonly bytes: number
  readonly sha256: string
  readonly slices: readonly SegmentSlice[]
}

/** A slice by where it begins. */
export interface SlicePlace {
  readonly path: string
  readonly offset: number
}

/**
 * What compaction puts in the place of consecutive links of a task's chain. It holds what they hold, of each key the
 * newest; a reader needs only it or only them.
 */
export interface MergedSlices {
  readonly task: TaskKey
  /** Oldest first: links of the last completed checkpoint's chain, without a gap. */
  readonly replaces: readonly SlicePlace[]
  /** Ascending by key, without overlap. At least one, without entries where nothing is left: it tells what it stands for. */
  readonly slices: readonly (SlicePlace & { readonly bytes: number; readonly entries: number })[]
  /** Deletions are left out: `replaces` begins with the oldest link. */
  readonly isBottom: boolean
}

/** A file that holds merged slices; it may be one of the manifest's segments. */
export type MergedFile = Pick<SegmentFile, 'path' | 'bytes' | 'sha256'>

export interface ParticipantCommittable {
  /** The participant that can commit it, e.g. `kafka`. */
  readonly participant: string
  readonly committable: Committable
}

/** Source or exchange → partition → what stands there. */
export type ByPartition<T> = Readonly<Record<string, Readonly<Record<string, T>>>>

export interface SourcePositions {
  /** What was read (for Kafka the topic id): another one is refused. */
  readonly identity: string
  readonly positions: Readonly<Record<string, number>>
}

/** Where an exchange partition has been read to. */
export interface ExchangePosition {
  readonly position: number
  readonly channels: readonly ChannelState[]
}

/** What a worker has written to exchanges up to the cut. */
export interface ExchangeOutput {
  readonly producerId: number
  /** The offset behind its barrier: the end of the channel as far as this checkpoint goes (R17). */
  readonly ends: ByPartition<number>
}

export interface WorkerManifest {
  readonly worker: string
  /** Sources: positions behind everything that this checkpoint's state holds. */
  readonly positions: ByPartition<number>
  /** Exchanges that it reads: likewise. */
  readonly inputs: ByPartition<ExchangePosition>
  /** Null if it writes to no exchange. */
  readonly output: ExchangeOutput | null
  /** Its tasks' watermarks (R21); none where sources give none. */
  readonly watermarks: Readonly<Record<TaskKey, number>>
  /** All segments since the last completed checkpoint, oldest first: also those of aborted ones (R11). */
  readonly segments: readonly SegmentFile[]
  /** Finished since the last completed checkpoint, those of aborted ones included. */
  readonly merges?: readonly MergedSlices[]
  readonly mergedFiles?: readonly MergedFile[]
  /** Every transaction of this worker not yet seen committed, oldest first (R12). */
  readonly committables: readonly ParticipantCommittable[]
  /** The oldest checkpoint that one of its standby copies is; absent: it keeps none. For people. */
  readonly standbyCheckpoint?: number
  /** Ids of transactions seen committed since the last ack: never asked about again. */
  readonly committed: readonly string[]
  /** How long the cut held up processing. */
  readonly pauseMs: number
  readonly stateEntries: number
}
