/** What the start of an epoch hands to its running part. */
import type { CheckpointMetadata } from '../checkpoint/metadata.ts'
import type { ConnectorContext } from '../ports/connector-context.ts'
import type { Exchange, ExchangeWriter } from '../ports/exchange.ts'
import type { TaskKey } from '../records/task-id.ts'
import type { RestoreReport } from './restore/restore-state.ts'
import type { OpenedSinks } from './tasks/open-sinks.ts'
import type { StateRegistry } from './tasks/state-registry.ts'

export interface StartedEpoch {
  readonly epoch: number
  readonly worker: string
  /** Those of this worker. */
  readonly tasks: readonly TaskKey[]
  /** Tasks of others that it keeps copies of. */
  readonly standby: readonly TaskKey[]
  readonly isLeader: boolean
  readonly context: ConnectorContext
  readonly sinks: OpenedSinks
  readonly registry: StateRegistry
  /** The restore point's; null for a job that begins. */
  readonly metadata: CheckpointMetadata | null
  /** Null: the job has no exchanges; no writer: this worker writes to none. */
  readonly exchange: Exchange | null
  readonly writer: ExchangeWriter | null
  readonly restored: RestoreReport
  readonly fail: (error: Error) => void
  /** Called at the end of the epoch, the last added first. */
  readonly onClose: (close: () => Promise<unknown> | void) => void
}
