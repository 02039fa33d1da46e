/**
 * What local state of a checkpoint lacks of a newer one of its descendants (R13). With compaction a link may hold changes
 * from both sides of that checkpoint:
 *
 * - with its deletions it can be put on top as a whole: what it holds of older changes is what the local state has;
 * - without them (a bottom link) it cannot: a key deleted meanwhile would stay. Then the local state is of no use.
 */
import { defined } from '../common/assert.ts'
import type { TaskKey } from '../records/task-id.ts'
import { rangeOf } from './compose-chains.ts'
import type { ChainLink, CheckpointMetadata } from './metadata.ts'

/**
 * Null: the local state of the task must be thrown away, and the whole chain be read.
 *
 * @param since all changes up to this checkpoint are there
 * @param checkpoint some up to this one may be there besides
 */
export function linksSince(
  metadata: CheckpointMetadata,
  task: TaskKey,
  { since, checkpoint }: { readonly since: number; readonly checkpoint: number },
): readonly ChainLink[] | null {
  const newer: ChainLink[] = []
  for (const link of metadata.chains[task] ?? []) {
    const { from, to, isBottom } = rangeOf(link, defined(metadata.segments[link.segment], 'segment of a link').since)
    if (to <= since) continue
    if (isBottom && from <= checkpoint) return null
    newer.push(link)
  }
  return newer
}
