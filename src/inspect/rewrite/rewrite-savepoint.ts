/** Writes a savepoint anew: with other partitions, dropped state, mapped values. As a stream, in bounded memory. */
import type { StateDescription } from '../../checkpoint/metadata.ts'
import type { SavepointMetadata } from '../../checkpoint/savepoint/savepoint-metadata.ts'
import { SavepointReader } from '../../checkpoint/savepoint/savepoint-reader.ts'
import { type SavepointFacts, SavepointWriter } from '../../checkpoint/savepoint/savepoint-writer.ts'
import { defined } from '../../common/assert.ts'
import { systemClock } from '../../common/clock.ts'
import type { CheckpointStorage } from '../../ports/checkpoint-storage.ts'
import { parseTaskKey, type TaskKey } from '../../records/task-id.ts'
import { partitionGroups } from '../across-tasks.ts'
import { StateReading } from '../state-reading.ts'
import type { StoredState } from '../stored-state.ts'
import { changedState, type StateChange, type ValueChange } from './changed-state.ts'
import { planRewrite, type RewriteOptions, type RewritePlan, refused, rewrittenWatermarks } from './rewrite-plan.ts'
import { spreadFrames } from './spread-frames.ts'
import { spreadState } from './spread-state.ts'

/**
 * @param from a savepoint
 * @param to its root is the new savepoint's folder
 * @param signal ends it: nothing of the new one is left then
 * @throws MR_STATE_REWRITE_REFUSED, MR_STATE_NOT_FOUND, MR_STATE_MAPPING_FAILED, MR_STATE_CODEC_UNKNOWN, MR_SAVEPOINT_…, MR_STORAGE_…
 */
export async function rewriteSavepoint(
  from: StoredState,
  to: CheckpointStorage,
  options: RewriteOptions,
  signal?: AbortSignal,
): Promise<SavepointMetadata> {
  const { snapshot, reading } = from
  if (snapshot.kind !== 'savepoint') {
    throw refused(`${snapshot.uri} is a checkpoint: its records in flight lie in Kafka. Take a savepoint and rewrite that`)
  }
  const reader = await SavepointReader.open(snapshot.storage)
  const { metadata } = reader
  const plan = planRewrite(metadata, options)
  const changes = new Map<number, ValueChange>()
  for (const state of plan.kept) {
    const mapping = plan.mappings.get(state.id)
    if (mapping !== undefined) changes.set(state.id, { mapping, reading: new StateReading(reading, state, from.codecs) })
  }
  const change = { reading, kept: new Set(plan.kept.map(({ id }) => id)), changes }
  const writer = new SavepointWriter({ storage: to, name: 'rewritten', clock: systemClock, ...(signal && { signal }) })
  await writer.begin()
  try {
    await writeState(writer, [...snapshot.tasks.keys()], metadata, plan, change)
    await writeFrames(writer, reader, plan)
    const written = await writer.finish(factsOf(metadata, plan, changes))
    return written.metadata
  } catch (error) {
    await writer.discard()
    throw error
  }
}

async function writeState(
  writer: SavepointWriter,
  tasks: readonly TaskKey[],
  { exchanges }: SavepointMetadata,
  { partitions }: RewritePlan,
  change: StateChange,
): Promise<void> {
  for (const task of tasks) {
    if (!partitions.has(parseTaskKey(task).stage)) await writer.addTask(task, changedState(change, task))
  }
  for (const [stage, count] of partitions) {
    const before = { stage, partitions: defined(exchanges[stage], 'exchange').partitions }
    for (const group of partitionGroups(before, { stage, partitions: count })) {
      await spreadState(writer, { stage, partitions: count, ...group, change })
    }
  }
}

async function writeFrames(writer: SavepointWriter, reader: SavepointReader, { partitions }: RewritePlan): Promise<void> {
  for (const [exchange, byPartition] of Object.entries(reader.metadata.inFlight)) {
    const count = partitions.get(exchange)
    if (count !== undefined) {
      await spreadFrames(writer, reader, exchange, count)
      continue
    }
    for (const partition of Object.keys(byPartition).map(Number)) {
      await writer.addFrames(exchange, partition, reader.frames(exchange, partition))
    }
  }
}

function factsOf(metadata: SavepointMetadata, plan: RewritePlan, changes: ReadonlyMap<number, ValueChange>): SavepointFacts {
  const {
    format: _,
    version: _version,
    tasks: _tasks,
    inFlight: _inFlight,
    files: _files,
    totalBytes: _bytes,
    ...facts
  } = metadata
  const exchanges: Record<string, SavepointMetadata['exchanges'][string]> = {}
  for (const [name, exchange] of Object.entries(metadata.exchanges)) {
    exchanges[name] = { ...exchange, partitions: plan.partitions.get(name) ?? exchange.partitions }
  }
  const states = plan.kept.map((state) => describedAnew(state, changes.get(state.id)))
  return { ...facts, exchanges, states, watermarks: rewrittenWatermarks(metadata, plan) }
}

/** Mapped values are all of one version. */
function describedAnew(state: StateDescription, change: ValueChange | undefined): StateDescription {
  if (change === undefined) return state
  const { name, version } = change.reading.writing
  return { ...state, codec: name, codecVersion: version, olderVersions: [] }
}
