/**
 * What the leader does before an epoch starts (R6):
 *
 *  1. claim the epoch: append the claim behind the last valid one, read it back;
 *  2. read the restore point's metadata (R7);
 *  3. settle its prepared transactions, each worker's oldest first (R24), in settle-transactions.ts;
 *  4. read the log once more for a later claim, then fence every transactional id the job ever used, there too;
 *  5. resolve where sources begin that have no positions yet (R8);
 *  6. append `epoch-recovered`.
 */

import type { CheckpointMetadata, SourcePositions } from '../checkpoint/metadata.ts'
import { decodeMetadata } from '../checkpoint/metadata.ts'
import { MillraceError } from '../common/errors.ts'
import type { JobGraph, SourceNode } from '../graph/job-graph.ts'
import type { CheckpointStorage } from '../ports/checkpoint-storage.ts'
import type { ConnectorContext } from '../ports/connector-context.ts'
import type { GroupMember, Joined } from '../ports/group-membership.ts'
import { appendOne, type LogFollower } from './log-follower.ts'
import { Superseded } from './superseded.ts'

export { settleTransactions } from './settle-transactions.ts'
export { Superseded } from './superseded.ts'

/** Step 1. Returns the epoch. */
export async function claimEpoch(
  follower: LogFollower,
  membership: Joined,
  graphDigest: string,
  pool: { readonly workers: number; readonly slots: number },
  nonce: string,
  nowMs: number,
): Promise<number> {
  await follower.catchUp()
  const { view } = follower
  const isValid = await appendOne(follower, {
    type: 'epoch-claimed',
    nonce,
    previousEpoch: view.epoch,
    members: membership.members as GroupMember[],
    graphDigest,
    workers: Math.max(pool.workers, view.poolWorkers),
    slots: Math.max(pool.slots, view.poolSlots),
    at: new Date(nowMs).toISOString(),
  })
  if (!isValid || view.claim?.nonce !== nonce)
    throw new Superseded('another process claimed the application at the same moment')
  return view.epoch
}

/** Step 2. Null when there is no checkpoint yet. */
export async function readRestorePoint(
  follower: LogFollower,
  storage: CheckpointStorage,
  applicationId: string,
): Promise<CheckpointMetadata | null> {
  const { restorePoint } = follower.view
  if (restorePoint !== null) {
    const metadata = decodeMetadata(await storage.get(restorePoint.path), restorePoint.path, restorePoint.sha256)
    return metadata
  }
  for await (const file of storage.list(`${applicationId}/checkpoints/`)) {
    // The first start of a job may have died before its first completion: then the log says that it triggered some.
    if (follower.view.lastCheckpoint > 0) break
    throw new MillraceError(
      'MR_CONTROL_LOG_MISSING',
      `the control log of "${applicationId}" is empty, but ${storage.uri} holds ${file.path}`,
    )
  }
  return null
}

/** Step 5. Where every source goes on. */
export async function resolvePositions(
  follower: LogFollower,
  epoch: number,
  graph: JobGraph,
  metadata: CheckpointMetadata | null,
  context: ConnectorContext,
): Promise<Record<string, SourcePositions>> {
  const { view } = follower
  refuseUnclaimedSources(graph, metadata)
  const result: Record<string, SourcePositions> = {}
  for (const node of graph.nodes) {
    if (node.kind !== 'source') continue
    const known = view.sourceStarts.get(node.name)
    const now = await node.source.resolveStart(context)
    if (known !== undefined) checkIdentity(node, known.identity, now.identity)
    else await appendOne(follower, { type: 'source-started', epoch, source: node.name, start: now })
    const start = view.sourceStarts.get(node.name)
    if (start === undefined) throw new Superseded(`epoch ${view.epoch} has taken over while sources were resolved`)
    const positions: Record<string, number> = {}
    for (const { partition, position } of start.partitions) positions[partition] = position
    // What was created after checkpoint 0 is read from its beginning, whatever the source was told then.
    for (const { partition, first } of now.partitions) positions[partition] ??= first
    result[node.name] = { identity: start.identity, positions: { ...positions, ...metadata?.sources[node.name]?.positions } }
  }
  return result
}

/** A source that was renamed would be read from its beginning, and its tasks' state be lost, without a word. */
function refuseUnclaimedSources(graph: JobGraph, metadata: CheckpointMetadata | null): void {
  const names = new Set(graph.nodes.flatMap((node) => (node.kind === 'source' ? [node.name] : [])))
  const unclaimed = Object.keys(metadata?.sources ?? {}).filter((name) => !names.has(name))
  if (unclaimed.length === 0) return
  throw new MillraceError(
    'MR_SOURCE_UNCLAIMED',
    `checkpoint ${metadata?.checkpoint} holds positions and state of sources that the job does not have: ${unclaimed.join(', ')}`,
  )
}

function checkIdentity(node: SourceNode, known: string, now: string): void {
  if (known === now) return
  throw new MillraceError(
    'MR_SOURCE_REPLACED',
    `source "${node.name}" (${node.source.description}) was ${known} and is now ${now}`,
  )
}
