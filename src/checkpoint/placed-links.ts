/** Links with the paths of their files, which an index of one metadata does not tell in another. */
import { defined } from '../common/assert.ts'
import type { PlacedLink } from './compaction-policy.ts'
import type { ChainLink, CheckpointMetadata } from './metadata.ts'

export function placedLinks({ segments }: Pick<CheckpointMetadata, 'segments'>, links: readonly ChainLink[]): PlacedLink[] {
  return links.map(({ segment, ...rest }) => ({ path: defined(segments[segment], 'segment of a link').path, ...rest }))
}
