/** What a worker's life in the group is given, and what each of its epochs. */
import type { Stage } from '../graph/stages.ts'
import type { ConnectorContext } from '../ports/connector-context.ts'
import type { GroupMembership, Joined, Membership } from '../ports/group-membership.ts'
import type { StateBackend } from '../ports/state-backend.ts'
import type { LogFollower } from './log-follower.ts'
import type { GivenSavepoint } from './savepoint/given-savepoint.ts'
import type { SharedResources } from './shared-resources.ts'
import type { TaskPlan } from './task-plan.ts'
import type { WorkerParts } from './worker-parts.ts'

export interface GroupLifeParts extends WorkerParts {
  /** Aborted when the worker is asked to stop: a final checkpoint is taken first. */
  readonly stop: AbortSignal
  readonly follower: LogFollower
  readonly backend: StateBackend
  readonly membership: GroupMembership
  readonly shared: SharedResources
  /** What the copy was started with; null: with nothing. */
  readonly savepoint: GivenSavepoint | null
  /** Of the worker, for what is asked between epochs. */
  readonly context: ConnectorContext
}

/** What one membership is: from a join to the next. */
export interface GroupSession {
  readonly joined: Joined
  readonly membership: Membership
  /** Claims before this offset are of an earlier membership. */
  readonly since: number
  /** The leader's, made anew before each claim that follows a failure. */
  plan: TaskPlan | undefined
}

export interface EpochParts extends GroupLifeParts {
  readonly stages: readonly Stage[]
  readonly graphDigest: string
  readonly session: GroupSession
  /** Of this worker among the members of the claim. */
  readonly index: number
}
