/**
 * Checkpoint 0 (R8): where each source began, in the log before anything of the job is put into its storage. So a log that
 * tells of no start beside a storage with checkpoints is not the one that they were written by.
 */

import { defined } from '../common/assert.ts'
import { MillraceError } from '../common/errors.ts'
import type { SourceNode } from '../graph/job-graph.ts'
import type { SourceStart } from '../ports/source.ts'
import { appendOne, type LogFollower } from './log-follower.ts'
import { Superseded } from './superseded.ts'
import type { TaskPlan } from './task-plan.ts'

/** By the name of the source: as the log has it, or as it is now, in the log from now on. @throws MR_SOURCE_REPLACED */
export async function settleSourceStarts(
  follower: LogFollower,
  epoch: number,
  nodes: readonly SourceNode[],
  plan: TaskPlan,
): Promise<ReadonlyMap<string, SourceStart>> {
  const starts = new Map<string, SourceStart>()
  for (const node of nodes) {
    const now = defined(plan.sources.get(node.name), `start of ${node.name}`)
    starts.set(node.name, await settleStart(follower, epoch, node, now))
  }
  return starts
}

async function settleStart(follower: LogFollower, epoch: number, node: SourceNode, now: SourceStart): Promise<SourceStart> {
  const { view } = follower
  const known = view.sourceStarts.get(node.name)
  if (known !== undefined) checkIdentity(node, known.identity, now.identity)
  else await appendOne(follower, { type: 'source-started', epoch, source: node.name, start: now })
  const start = view.sourceStarts.get(node.name)
  if (start === undefined) throw new Superseded(`epoch ${view.epoch} has taken over while sources were resolved`)
  return start
}

function checkIdentity(node: SourceNode, known: string, now: string): void {
  if (known === now) return
  throw new MillraceError(
    'MR_SOURCE_REPLACED',
    `source "${node.name}" (${node.source.description}) was ${known} and is now ${now}`,
  )
}
