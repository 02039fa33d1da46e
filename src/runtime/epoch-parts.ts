/** What an epoch is given: the job, its options, and the ports of the worker. */
import type { Clock } from '../common/clock.ts'
import type { Logger } from '../common/logger.ts'
import type { Config } from '../config/config.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import type { CheckpointStorage } from '../ports/checkpoint-storage.ts'
import type { ConnectorContext } from '../ports/connector-context.ts'
import type { ControlLog } from '../ports/control-log.ts'
import type { GroupMembership } from '../ports/group-membership.ts'
import type { StateBackend } from '../ports/state-backend.ts'
import type { WorkerStatus } from './worker-status.ts'

export interface EpochParts {
  readonly applicationId: string
  readonly graph: JobGraph
  readonly config: Config
  readonly clock: Clock
  readonly logger: Logger
  readonly status: WorkerStatus
  readonly controlLog: ControlLog
  readonly membership: GroupMembership
  readonly storage: CheckpointStorage
  readonly backend: StateBackend
  /** For connectors; `fail` of it ends the epoch. */
  readonly context: (fail: (error: Error) => void) => ConnectorContext
  /** Aborted when the worker is asked to stop: a final checkpoint is taken first. */
  readonly stop: AbortSignal
}
