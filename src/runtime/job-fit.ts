/** Whether a job can go on from what is stored: it claims all that there is. */
import type { CheckpointMetadata } from '../checkpoint/metadata.ts'
import { MillraceError } from '../common/errors.ts'
import type { JobGraph, SourceNode } from '../graph/job-graph.ts'
import type { Stage } from '../graph/stages.ts'
import { registerStates } from './tasks/state-registry.ts'

/**
 * Asked before an epoch is claimed, so that a copy of another job or release, started under this application id by
 * mistake, ends alone and ends nobody else.
 *
 * @throws MR_SOURCE_UNCLAIMED, MR_STATE_UNCLAIMED, MR_STATE_INCOMPATIBLE
 */
export function refuseUnfit(graph: JobGraph, stages: readonly Stage[], metadata: CheckpointMetadata | null): void {
  refuseUnclaimedSources(sourcesOf(stages), metadata)
  registerStates(graph, metadata)
}

export function sourcesOf(stages: readonly Stage[]): SourceNode[] {
  return stages.flatMap(({ input }) => (input.kind === 'source' ? [input] : []))
}

/** A source that was renamed would be read from its beginning, and its tasks' state be lost, without a word. */
export function refuseUnclaimedSources(nodes: readonly SourceNode[], metadata: CheckpointMetadata | null): void {
  const names = new Set(nodes.map((node) => node.name))
  const unclaimed = Object.keys(metadata?.sources ?? {}).filter((name) => !names.has(name))
  if (unclaimed.length === 0) return
  throw new MillraceError(
    'MR_SOURCE_UNCLAIMED',
    `checkpoint ${metadata?.checkpoint} holds positions and state of sources that the job does not have: ${unclaimed.join(', ')}`,
  )
}
