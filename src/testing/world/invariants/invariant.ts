/**
 * What an invariant is: one of the promises at the top of docs/protocol.md, watched while a simulated world runs. It sees
 * what Kafka, the storage and the disks of the model hold, never what the product believes.
 */
import type { CheckpointMetadata } from '../../../checkpoint/metadata.ts'
import type {
  ControlRecord,
  RestorePoint,
  SavepointCompleted,
  SavepointRestored,
} from '../../../checkpoint/protocol/control-records.ts'
import type { SavepointMetadata } from '../../../checkpoint/savepoint/savepoint-metadata.ts'
import type { TaskMarker } from '../../../ports/state-backend.ts'
import type { TaskKey } from '../../../records/task-id.ts'

/** A record of the control log. */
export interface Logged {
  readonly offset: number
  readonly record: ControlRecord
  /** As the product's own fold takes it. */
  readonly isValid: boolean
}

/** A checkpoint whose completion is valid, with its metadata as the storage holds it. */
export interface Completed {
  readonly point: RestorePoint
  readonly metadata: CheckpointMetadata
}

/** A savepoint whose completion is valid, with its metadata as the storage holds it. */
export interface Saved {
  readonly record: SavepointCompleted
  readonly metadata: SavepointMetadata
}

/** A savepoint that a job has taken over, as the checkpoint of its own that it has become. */
export interface Restored extends Completed {
  readonly record: SavepointRestored
}

/** Each method is called as it happens, and returns what is wrong with it; undefined: nothing. */
export interface Invariant {
  readonly name: string
  onRecord?(logged: Logged): string | undefined
  /** Right behind its record. */
  onCompleted?(completed: Completed): string | undefined
  /** Right behind its record. */
  onSaved?(saved: Saved): string | undefined
  /** Right behind its record. */
  onRestored?(restored: Restored): string | undefined
  /** A person has no use for the savepoint any more, and deletes it. */
  onReleased?(uri: string): string | undefined
  /** Has read the control log to its end, and takes part from now on. */
  onEntered?(worker: string): string | undefined
  /** A claim is sent to the control log; whether it arrives is another matter. */
  onAppend?(worker: string, record: ControlRecord): string | undefined
  /** A transaction has got its first partition: `<transactional id>:<producer id>:<epoch>`. */
  onBegun?(transaction: string): string | undefined
  /** The coordinator has decided that it is committed; markers follow. */
  onCommitted?(transaction: string): string | undefined
  /** Before they are gone. */
  onDeleted?(paths: readonly string[]): string | undefined
  /** A topic's partition begins at this offset from now on. */
  onTrimmed?(topic: string, partition: number, logStart: number): string | undefined
  /** Written to a disk. */
  onMarked?(disk: string, markers: ReadonlyMap<TaskKey, TaskMarker>): string | undefined
  /** A worker has read these bytes of the control log, at this offset. */
  onRead?(worker: string, offset: number, value: Buffer): string | undefined
}
