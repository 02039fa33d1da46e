/** The tasks of a stage: one for each partition of its source. */
import type { SourcePositions } from '../checkpoint/metadata.ts'
import { defined } from '../common/assert.ts'
import type { Stage } from '../graph/stages.ts'
import type { PartitionStart } from '../ports/source.ts'
import { type TaskKey, taskKey } from '../records/task-id.ts'

/** Source → where it goes on. */
export type Positions = Readonly<Record<string, SourcePositions>>

export function partitionsOf(stage: Stage, positions: Positions): PartitionStart[] {
  const source = defined(positions[stage.name], `positions of ${stage.name}`)
  return Object.entries(source.positions).map(([partition, position]) => ({ partition: Number(partition), position }))
}

export function taskKeysOf(stages: readonly Stage[], positions: Positions): TaskKey[] {
  return stages.flatMap((stage) =>
    partitionsOf(stage, positions).map(({ partition }) => taskKey({ stage: stage.name, partition })),
  )
}
