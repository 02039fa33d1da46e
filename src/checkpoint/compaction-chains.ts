/**
 * The chains of a worker's own tasks, as the last completed checkpoint has them. Only the owner of a task changes its
 * chain, so a worker knows them from the restore point and from what it has handed in since, without reading metadata.
 */
import { assert, defined } from '../common/assert.ts'
import type { TaskKey } from '../records/task-id.ts'
import { chooseMerge, type MergeChoice, type PlacedLink, runsOf, sumBytes } from './compaction-policy.ts'
import type { MergedSlices, SegmentFile } from './manifest.ts'
import type { CheckpointMetadata } from './metadata.ts'

export class CompactionChains {
  private readonly chains = new Map<TaskKey, PlacedLink[]>()

  constructor(tasks: readonly TaskKey[], metadata: CheckpointMetadata | null) {
    for (const task of tasks) {
      const links = metadata?.chains[task] ?? []
      const placed = links.map(({ segment, ...rest }) => {
        return { path: defined(metadata?.segments[segment], 'segment of a link').path, ...rest }
      })
      this.chains.set(task, placed)
    }
  }

  /** What a completed checkpoint of this worker has changed: first links are replaced, then its segments are added. */
  complete(merges: readonly MergedSlices[], segments: readonly SegmentFile[]): void {
    for (const merge of merges) this.replace(merge)
    for (const { path, slices } of segments) {
      for (const { task, offset, bytes, entries } of slices) this.chainOf(task).push({ path, offset, bytes, entries })
    }
  }

  /** The most urgent first. */
  choices(): { readonly task: TaskKey; readonly choice: MergeChoice }[] {
    const found = []
    for (const [task, chain] of this.chains) {
      const choice = chooseMerge(task, chain)
      if (choice !== null) found.push({ task, choice })
    }
    return found.sort((a, b) => b.choice.urgency - a.choice.urgency)
  }

  /** What a restore of all tasks would read. */
  get bytes(): number {
    let bytes = 0
    for (const chain of this.chains.values()) bytes += sumBytes(chain)
    return bytes
  }

  /** About the bytes of live state: of each chain the largest run. The newer ones mostly hold newer values of its keys. */
  get liveBytes(): number {
    let bytes = 0
    for (const chain of this.chains.values()) bytes += Math.max(0, ...runsOf(chain).map((run) => run.bytes))
    return bytes
  }

  get links(): number {
    let links = 0
    for (const chain of this.chains.values()) links += chain.length
    return links
  }

  private chainOf(task: TaskKey): PlacedLink[] {
    return defined(this.chains.get(task), `chain of ${task}`)
  }

  /** The same as compose-chains.ts does; the range is not needed here. */
  private replace({ task, replaces, slices, isBottom }: MergedSlices): void {
    const chain = this.chainOf(task)
    const at = chain.findIndex(({ path, offset }) => path === replaces[0]?.path && offset === replaces[0].offset)
    assert(at >= 0, `a merge of ${task} replaces links of its chain`)
    const merged = slices.map(({ path, offset, bytes, entries }, part) => {
      return { path, offset, bytes, entries, merged: { from: 0, to: 0, isBottom, part } }
    })
    chain.splice(at, replaces.length, ...merged)
  }
}
