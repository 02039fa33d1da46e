/**
 * A source: partitions of records with positions. The worker reads small batches and processes each to its end before
 * it cuts, so a position is always "behind a batch".
 */
import type { ConnectorContext } from './connector-context.ts'
import type { OpenedSink } from './transactional-sink.ts'

/**
 * A run of records of one partition, decoded. A structure of arrays: no object per record but the value itself.
 * The reader may reuse the batch object at the next `poll`.
 */
export interface SourceBatch<T> {
  readonly partition: number
  readonly count: number
  readonly values: readonly T[]
  /** Event time or the record's timestamp, ms since 1970. */
  readonly timestamps: ArrayLike<number>
  /** The record keys: bytes keyStarts[i] to keyEnds[i] of `keyBytes`; start -1 where there is none. */
  readonly keyBytes: Buffer
  readonly keyStarts: ArrayLike<number>
  readonly keyEnds: ArrayLike<number>
  /** The partition's position behind this batch: where reading goes on after a restore. */
  readonly nextPosition: number
  /** For messages: the position of record i. */
  positionOf(index: number): number
}

export interface PartitionStart {
  readonly partition: number
  readonly position: number
}

export interface FirstStart extends PartitionStart {
  /** The first position that there is: where a partition begins that appears later. */
  readonly first: number
}

/** Where a source begins when there is no checkpoint: resolved once, kept as checkpoint 0 (R8). */
export interface SourceStart {
  /** Identity of what is read (for Kafka the topic id): another one under the same name is refused. */
  readonly identity: string
  readonly partitions: readonly FirstStart[]
}

export interface SourceReader<T> {
  /** What can be processed now, or undefined. Synchronous. Throws a MillraceError on bad input or a lost position. */
  poll(maxRecords: number): SourceBatch<T> | undefined
  /** Resolves when `poll` may have something. Rejects when the source has failed. */
  whenAvailable(): Promise<void>
  /** For people and lag tools: tells the outside what is processed. Recovery never reads it. */
  publishPositions?(positions: readonly PartitionStart[]): Promise<void>
  /** Records not read yet, by partition, as far as known. */
  lag?(): ReadonlyMap<number, number>
  close(): Promise<void>
}

export interface Source<T, K = unknown> {
  /** For messages and the plan, e.g. `kafka topic orders`. */
  readonly description: string
  /** Text that changes whenever the meaning of stored positions would (for Kafka: the topic's name). */
  readonly fingerprint: string
  /** Absent: the source gives no watermarks. */
  readonly watermarks?: { readonly outOfOrdernessMs: number; readonly idleAfterMs: number }
  /** The Kafka topic, for tools that show a consumer group's members and lag. */
  readonly topic?: string
  /** How record keys become the keys that `keyByRecordKey` gives to user code. */
  readonly keyCodec: KeyCodec<K>
  /** Resolves where to start, and which partitions there are now. Asked by the leader. */
  resolveStart(context: ConnectorContext): Promise<SourceStart>
  /** Sinks that the source itself writes to, for dead letters: they take part in checkpoints like any other. */
  openSideSinks?(context: ConnectorContext): Promise<readonly OpenedSink<unknown>[]>
  /** @param identity of what the positions belong to, by `resolveStart`: reading another one throws MR_SOURCE_REPLACED */
  open(context: ConnectorContext, assigned: readonly PartitionStart[], identity: string): Promise<SourceReader<T>>
}

/** Keys of state are bytes; this turns them into what user code sees. Bytes are a binary string (state-changes.ts). */
export interface KeyCodec<K> {
  readonly name: string
  /** Canonical: equal keys give equal bytes. */
  encode(key: K): string
  decode(bytes: string): K
}
