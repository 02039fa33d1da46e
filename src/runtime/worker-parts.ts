/** What a worker is given: the job, its options, and the ports to the outside. */
import type { Clock } from '../common/clock.ts'
import type { Logger } from '../common/logger.ts'
import type { Config } from '../config/config.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import type { CheckpointStorage } from '../ports/checkpoint-storage.ts'
import type { ConnectorContext, MetricsPort } from '../ports/connector-context.ts'
import type { ControlLog } from '../ports/control-log.ts'
import type { CreateExchange } from '../ports/exchange.ts'
import type { GroupMembership } from '../ports/group-membership.ts'
import type { StateBackend } from '../ports/state-backend.ts'
import type { WorkerBounds } from './worker-bounds.ts'
import type { WorkerMemory } from './worker-memory.ts'
import type { WorkerStatus } from './worker-status.ts'

export interface WorkerParts {
  /** Unique among the workers that are up: it stands in the control log and in messages. */
  readonly name: string
  /** The machine; absent: it is not known. */
  readonly host?: string
  readonly applicationId: string
  readonly graph: JobGraph
  readonly config: Config
  readonly clock: Clock
  /** From 0 up to 1. */
  readonly random: () => number
  readonly logger: Logger
  readonly metrics: MetricsPort
  readonly status: WorkerStatus
  readonly storage: CheckpointStorage
  /** Of savepoints, which may lie elsewhere: the root is the folder of one. */
  readonly openStorage: (uri: string) => Promise<CheckpointStorage>
  /** Local directories to try, one after another: one that another worker holds is passed over. */
  readonly backends: () => Iterable<StateBackend>
  readonly createControlLog: (context: ConnectorContext) => ControlLog
  /** @param directory of the local state: what is to outlive the process may be kept there; null: there is none */
  readonly createMembership: (context: ConnectorContext, directory: string | null) => GroupMembership
  readonly createExchange: CreateExchange
  /** Absent: caches, overlay and fetching have what the options say. */
  readonly memory?: WorkerMemory
  /** Default: WORKER_BOUNDS. */
  readonly bounds?: WorkerBounds
}
