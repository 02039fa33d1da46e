/**
 * A stored state as its files show it, whatever wrote it: the chains of a checkpoint, or the tasks of a savepoint. Nothing
 * but the metadata is in memory.
 */
import { type PlacedLink, runsOf } from '../checkpoint/compaction-policy.ts'
import type { CheckpointMetadata, StateDescription } from '../checkpoint/metadata.ts'
import { placedLinks } from '../checkpoint/placed-links.ts'
import type { SavepointMetadata, SavepointRange } from '../checkpoint/savepoint/savepoint-metadata.ts'
import { defined } from '../common/assert.ts'
import { isMillraceError, MillraceError } from '../common/errors.ts'
import type { CheckpointStorage } from '../ports/checkpoint-storage.ts'
import { parseTaskKey, type TaskKey } from '../records/task-id.ts'

/** Slices whose keys ascend over all of them. */
export type SliceRun = readonly PlacedLink[]

export interface Snapshot {
  readonly kind: 'checkpoint' | 'savepoint'
  /** For people. */
  readonly uri: string
  readonly applicationId: string
  readonly checkpoint: number
  readonly epoch: number
  readonly completedAt: string
  readonly storage: CheckpointStorage
  readonly states: readonly StateDescription[]
  /** Task → what holds its state, oldest first. */
  readonly tasks: ReadonlyMap<TaskKey, readonly SliceRun[]>
  /** Path → its length. */
  readonly fileBytes: ReadonlyMap<string, number>
  /** Stage → tasks, of exchanges: those whose keys are spread by murmur2. */
  readonly exchangePartitions: ReadonlyMap<string, number>
}

export function snapshotOfCheckpoint(storage: CheckpointStorage, path: string, metadata: CheckpointMetadata): Snapshot {
  const { applicationId, checkpoint, epoch, completedAt, states, chains, segments, exchanges } = metadata
  return {
    ...{ kind: 'checkpoint', uri: `${storage.uri}/${path}`, applicationId, checkpoint, epoch, completedAt, storage, states },
    tasks: new Map(
      sortedTasks(Object.keys(chains)).map((task) => [
        task,
        runsOf(placedLinks(metadata, chains[task] ?? [])).map(({ links }) => links),
      ]),
    ),
    fileBytes: new Map(segments.map(({ path: file, bytes }) => [file, bytes])),
    exchangePartitions: new Map(Object.entries(exchanges).map(([exchange, { partitions }]) => [exchange, partitions])),
  }
}

/** @param storage its root is the savepoint's folder */
export function snapshotOfSavepoint(storage: CheckpointStorage, metadata: SavepointMetadata): Snapshot {
  const { applicationId, checkpoint, epoch, completedAt, files, exchanges } = metadata
  const states = metadata.states.map((state) => withStage(state, metadata))
  const runOf = (ranges: readonly SavepointRange[]): SliceRun =>
    ranges.map(({ file, ...range }) => ({ path: defined(files[file], 'file of a range').path, ...range }))
  return {
    ...{ kind: 'savepoint', uri: storage.uri, applicationId, checkpoint, epoch, completedAt, storage, states },
    tasks: new Map(sortedTasks(Object.keys(metadata.tasks)).map((task) => [task, [runOf(metadata.tasks[task] ?? [])]])),
    fileBytes: new Map(files.map(({ path, bytes }) => [path, bytes])),
    exchangePartitions: new Map(Object.entries(exchanges).map(([exchange, { partitions }]) => [exchange, partitions])),
  }
}

/** A savepoint knows the stages of operators, also where its states are of a build that did not write them down. */
function withStage(state: StateDescription, { stages }: SavepointMetadata): StateDescription {
  if (state.stage !== undefined) return state
  const found = Object.entries(stages).find(([, { operators }]) => operators.includes(state.operator))
  return found === undefined ? state : { ...state, stage: found[0], keys: found[1].keys }
}

/** The tasks that may hold a state; all, where the metadata doesn't say in which stage it is. */
export function tasksOf({ tasks }: Snapshot, stage: string | undefined): TaskKey[] {
  return [...tasks.keys()].filter((task) => stage === undefined || parseTaskKey(task).stage === stage)
}

/** @throws MR_STATE_NOT_FOUND */
export function stateNamed(snapshot: Snapshot, operator: string, name: string): StateDescription {
  const state = snapshot.states.find((one) => one.operator === operator && one.name === name)
  if (state !== undefined) return state
  throw new MillraceError('MR_STATE_NOT_FOUND', `${snapshot.uri} holds no state ${operator}/${name}${knownStates(snapshot)}`)
}

/** @throws MR_STATE_NOT_FOUND */
export function statesOfOperator(snapshot: Snapshot, operator: string): readonly StateDescription[] {
  const states = snapshot.states.filter((one) => one.operator === operator)
  if (states.length > 0) return states
  throw new MillraceError(
    'MR_STATE_NOT_FOUND',
    `${snapshot.uri} holds no state of operator ${operator}${knownStates(snapshot)}`,
  )
}

function knownStates({ states }: Snapshot): string {
  return states.length === 0
    ? '; it holds none'
    : `; it holds ${states.map(({ operator, name }) => `${operator}/${name}`).join(', ')}`
}

/** A range of one of its files. A job that runs may delete them meanwhile, with the checkpoint. */
export async function readRange(
  { storage, kind, checkpoint }: Snapshot,
  path: string,
  start: number,
  end: number,
): Promise<Buffer> {
  try {
    return await storage.getRange(path, start, end)
  } catch (cause) {
    if (kind !== 'checkpoint' || !isMillraceError(cause, 'MR_STORAGE_NOT_FOUND')) throw cause
    throw new MillraceError(cause.code, `a file of checkpoint ${checkpoint} is gone: ${cause.message}`, {
      cause,
      remedy: `If the job runs it has dropped checkpoint ${checkpoint} meanwhile: take a newer one, raise checkpoints-retained, or take a savepoint. If not, millrace checkpoints verify tells what is missing.`,
    })
  }
}

/** By stage, then by number. */
export function sortedTasks(tasks: readonly TaskKey[]): TaskKey[] {
  return [...tasks].sort((a, b) => {
    const [one, other] = [parseTaskKey(a), parseTaskKey(b)]
    if (one.stage !== other.stage) return one.stage < other.stage ? -1 : 1
    return one.partition - other.partition
  })
}
