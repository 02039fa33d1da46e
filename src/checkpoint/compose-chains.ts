/**
 * The chains of a new checkpoint: those of the one before, some of whose links compaction has replaced, and behind them
 * what has changed since. Pure.
 *
 * A merge is applied to exactly the links that it names, or it is our own bug: only the worker that owns a task changes
 * its chain, each of its manifests is made when the outcome of the one before is known, and a new epoch forgets all
 * merges that no completed checkpoint holds.
 */
import { assert, defined } from '../common/assert.ts'
import type { TaskKey } from '../records/task-id.ts'
import type { PlacedLink } from './compaction-policy.ts'
import type { MergedFile, MergedSlices, WorkerManifest } from './manifest.ts'
import type { ChainLink, CheckpointMetadata, MergedRange, SegmentReference } from './metadata.ts'

export interface ComposedChains {
  readonly segments: SegmentReference[]
  readonly chains: Record<TaskKey, ChainLink[]>
  /** Of files that the checkpoint before did not refer to. */
  readonly writtenBytes: number
}

export function composeChains(
  checkpoint: number,
  manifests: readonly WorkerManifest[],
  previous: CheckpointMetadata | null,
): ComposedChains {
  const files = new Map<string, SegmentReference>()
  for (const segment of previous?.segments ?? []) files.set(segment.path, segment)
  const chains = new Map<TaskKey, PlacedLink[]>()
  for (const [task, links] of Object.entries(previous?.chains ?? {})) {
    chains.set(
      task,
      links.map(({ segment, ...rest }) => ({ path: fileOf(previous, segment).path, ...rest })),
    )
  }
  let writtenBytes = 0
  const add = ({ path, bytes, sha256 }: MergedFile) => {
    if (files.has(path)) return
    files.set(path, { path, bytes, sha256, since: checkpoint })
    writtenBytes += bytes
  }
  for (const { segments, merges = [], mergedFiles = [] } of manifests) {
    for (const segment of segments) add(segment)
    for (const file of mergedFiles) add(file)
    // Before the new changes: it replaces links of the chain as it was.
    for (const merge of merges) chains.set(merge.task, withMerged(chains.get(merge.task) ?? [], merge, files))
    for (const { path, slices } of segments) {
      for (const { task, offset, bytes, entries } of slices) {
        const chain = chains.get(task)
        if (chain === undefined) chains.set(task, [{ path, offset, bytes, entries }])
        else chain.push({ path, offset, bytes, entries })
      }
    }
  }
  return { ...indexed(chains, files), writtenBytes }
}

function withMerged(
  chain: readonly PlacedLink[],
  { task, replaces, slices, isBottom }: MergedSlices,
  files: ReadonlyMap<string, SegmentReference>,
): PlacedLink[] {
  const [oldest] = replaces
  const at = chain.findIndex(({ path, offset }) => path === oldest?.path && offset === oldest.offset)
  const replaced = chain.slice(at, at + replaces.length)
  const isExact = at >= 0 && replaces.every((one, i) => replaced[i]?.path === one.path && replaced[i]?.offset === one.offset)
  assert(slices.length > 0, `a merge of ${task} leaves a link that tells which checkpoints it stands for`)
  assert(isExact, `a merge of ${task} replaces consecutive links of its chain`)
  assert(!isBottom || at === 0, `a merge of ${task} without deletions begins with the oldest link`)
  const ranges = replaced.map((link) => rangeOf(link, defined(files.get(link.path), 'file of a link').since))
  const merged = {
    from: Math.min(...ranges.map(({ from }) => from)),
    to: Math.max(...ranges.map(({ to }) => to)),
    isBottom,
  }
  const links = slices.map(({ path, offset, bytes, entries }, part) => {
    return { path, offset, bytes, entries, merged: { ...merged, part } }
  })
  return [...chain.slice(0, at), ...links, ...chain.slice(at + replaces.length)]
}

/** The checkpoints whose changes a link holds. */
export function rangeOf({ merged }: Pick<ChainLink, 'merged'>, since: number): MergedRange {
  return merged ?? { from: since, to: since, isBottom: false, part: 0 }
}

/** Files that no link refers to any more are left out. */
function indexed(chains: ReadonlyMap<TaskKey, readonly PlacedLink[]>, files: ReadonlyMap<string, SegmentReference>) {
  const used = new Set([...chains.values()].flatMap((chain) => chain.map(({ path }) => path)))
  const segments = [...files.values()].filter(({ path }) => used.has(path))
  const indices = new Map(segments.map(({ path }, index) => [path, index]))
  const result: Record<TaskKey, ChainLink[]> = {}
  for (const [task, chain] of chains) {
    result[task] = chain.map(({ path, ...rest }) => ({ segment: defined(indices.get(path), 'file of a link'), ...rest }))
  }
  return { segments, chains: result }
}

function fileOf(metadata: CheckpointMetadata | null, segment: number): SegmentReference {
  return defined(metadata?.segments[segment], 'segment of a link')
}
