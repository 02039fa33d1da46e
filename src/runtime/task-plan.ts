/**
 * What there is to do, asked by the leader before it claims an epoch: every source partition and exchange partition is a
 * task. And who does it: the tasks divided among the members.
 */
import type { CheckpointMetadata } from '../checkpoint/metadata.ts'
import { MillraceError } from '../common/errors.ts'
import { assignTasks } from '../graph/assignment.ts'
import { dependsOnSourcePartitions, type Stage } from '../graph/stages.ts'
import { assignStandby } from '../graph/standby.ts'
import type { ConnectorContext } from '../ports/connector-context.ts'
import type { Exchange, ExchangeSpec } from '../ports/exchange.ts'
import type { GroupMember } from '../ports/group-membership.ts'
import type { SourceStart } from '../ports/source.ts'
import { type TaskKey, taskKey } from '../records/task-id.ts'

export interface TaskPlan {
  /** As the sources are now. */
  readonly sources: ReadonlyMap<string, SourceStart>
  readonly exchanges: readonly ExchangeSpec[]
  /** In the order of the stages. */
  readonly tasks: readonly TaskKey[]
}

/** What the job goes on from, as far as its tasks follow from it. */
export interface PlannedFor extends Pick<CheckpointMetadata, 'checkpoint' | 'sources'> {
  readonly exchanges: Readonly<Record<string, { readonly partitions: number }>>
}

/**
 * @param partitionsOf of an exchange that may be there already: made before partitions were added to the job's sources,
 *   and before the first checkpoint, it keeps as many as it was made with
 * @throws MR_PARTITIONS_ADDED, and what the sources throw
 */
export async function planTasks(
  stages: readonly Stage[],
  restored: PlannedFor | null,
  context: ConnectorContext,
  partitionsOf: Exchange['partitionsOf'],
): Promise<TaskPlan> {
  const sources = new Map<string, SourceStart>()
  for (const { input } of stages) {
    if (input.kind === 'source') sources.set(input.name, await input.source.resolveStart(context))
  }
  const exchanges: ExchangeSpec[] = []
  const tasks: TaskKey[] = []
  for (const stage of stages) {
    const { input, name } = stage
    if (input.kind === 'source') {
      const now = sources.get(name)?.partitions ?? []
      refuseMovedKeys(stage, now.length, restored)
      tasks.push(...now.map(({ partition }) => taskKey({ stage: name, partition })))
      continue
    }
    const widest = Math.max(...stage.origins.map((origin) => sources.get(origin.name)?.partitions.length ?? 1))
    const known = input.partitions ?? restored?.exchanges[name]?.partitions
    const partitions = known ?? (await partitionsOf(name)) ?? widest
    exchanges.push({ exchange: name, partitions })
    for (let partition = 0; partition < partitions; partition++) tasks.push(taskKey({ stage: name, partition }))
  }
  return { sources, exchanges, tasks }
}

/** Kafka spreads keys over all partitions of a topic: with more of them, keys leave their state behind. */
function refuseMovedKeys(stage: Stage, now: number, restored: PlannedFor | null): void {
  const before = Object.keys(restored?.sources[stage.name]?.positions ?? {}).length
  if (before === 0 || now <= before || !dependsOnSourcePartitions(stage)) return
  throw new MillraceError(
    'MR_PARTITIONS_ADDED',
    `source "${stage.name}" had ${before} partitions at checkpoint ${restored?.checkpoint} and has now ${now}; its records are keyed by keyByRecordKey()`,
  )
}

export interface Assignments {
  /** Worker → its tasks. */
  readonly active: Readonly<Record<string, readonly TaskKey[]>>
  /** Worker → the tasks of others that it keeps copies of. */
  readonly standby: Readonly<Record<string, readonly TaskKey[]>>
}

/**
 * Members that run another graph than the leader get no tasks, and take no part.
 *
 * @param previous worker → its tasks before: who has run a task keeps it where copies are as new as its own state
 */
export function assignmentOf(
  plan: TaskPlan,
  members: readonly GroupMember[],
  graphDigest: string,
  replicas = 0,
  previous: Assignments['active'] = {},
): Assignments {
  const able = members.filter((member) => member.graphDigest === graphDigest)
  const active = assignTasks(plan.tasks, able, new Map(Object.entries(previous)))
  const standby = replicas === 0 ? new Map() : assignStandby(active, able, replicas)
  return { active: Object.fromEntries(active), standby: Object.fromEntries(standby) }
}
