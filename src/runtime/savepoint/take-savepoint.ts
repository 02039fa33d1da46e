/**
 * A job takes over a savepoint: the leader copies it, in recovery, into what a checkpoint of this job would have written,
 * and appends `savepoint-restored`. From there on it is a checkpoint like any other, and the savepoint is not needed any
 * more. A leader that dies on the way leaves files and frames of an epoch that is over: the next one begins again.
 *
 *  1. see whether it fits the job (savepoint-fit.ts, state-registry.ts): before anything is written; settle where sources
 *     begin (source-starts.ts), so that the log tells of the job before its storage does;
 *  2. copy the state (move-state.ts), and the records in flight into the exchange topics (move-frames.ts);
 *  3. put the metadata of a checkpoint, append the decision, read it back.
 */
import {
  type ChainLink,
  type CheckpointMetadata,
  checkpointPath,
  encodeMetadata,
  METADATA_FORMAT,
  mergedPath,
  versionFor,
} from '../../checkpoint/metadata.ts'
import type { SavepointMetadata } from '../../checkpoint/savepoint/savepoint-metadata.ts'
import type { Exchange, ExchangeTopic } from '../../ports/exchange.ts'
import type { TaskKey } from '../../records/task-id.ts'
import type { EpochParts } from '../epoch-parts.ts'
import { sourcesOf } from '../job-fit.ts'
import { appendOne } from '../log-follower.ts'
import { settleSourceStarts } from '../source-starts.ts'
import { Superseded } from '../superseded.ts'
import type { PlannedFor, TaskPlan } from '../task-plan.ts'
import { registerStates } from '../tasks/state-registry.ts'
import { wantedStates } from '../tasks/wanted-states.ts'
import type { GivenSavepoint } from './given-savepoint.ts'
import { moveFrames } from './move-frames.ts'
import { type MovedState, moveState } from './move-state.ts'
import { fitSavepoint, type SavepointFit } from './savepoint-fit.ts'

const PROGRESS_EVERY_MS = 2_000

export interface Taking {
  readonly given: GivenSavepoint
  readonly epoch: number
  readonly plan: TaskPlan
  /** Null: the job has no exchanges. */
  readonly exchange: Exchange | null
  readonly topics: readonly ExchangeTopic[]
  readonly signal: AbortSignal
}

/** Resolves with the metadata of the restore point that the log has now. */
export async function takeSavepoint(parts: EpochParts, taking: Taking): Promise<CheckpointMetadata> {
  const { follower, storage, applicationId, stages, clock, logger, config } = parts
  const { given, epoch, plan } = taking
  const { reader } = given
  const startedAtMs = clock.nowMs()
  const fit = fitOf(parts, taking)
  for (const dropped of fit.dropped) logger.warn('savepoint-state-dropped', { what: dropped })
  // Should this worker die behind the metadata, the log must know that there is a job: or its files would be another log's.
  await settleSourceStarts(follower, epoch, sourcesOf(stages), plan)
  const { totalBytes } = reader.metadata
  logger.info('taking-savepoint', { uri: reader.uri, bytes: totalBytes })
  const checkpoint = follower.view.lastCheckpoint + 1
  const state = await movedState(parts, taking, fit, checkpoint)
  const frames = await movedFrames(parts, taking, fit, checkpoint)
  const metadata = metadataOf(parts, taking, fit, { checkpoint, startedAtMs, state, frames })
  const { bytes, sha256 } = encodeMetadata(metadata)
  const path = checkpointPath(applicationId, checkpoint, epoch)
  await storage.put(path, [bytes], taking.signal)
  const savepoint = given.identity
  const isForced = config.fromForce
  const isValid = await appendOne(follower, {
    type: 'savepoint-restored',
    epoch,
    savepoint,
    checkpoint,
    path,
    sha256,
    isForced,
  })
  if (!isValid) throw new Superseded(`epoch ${follower.view.epoch} has taken over while a savepoint was copied`)
  logger.info('savepoint-taken', { uri: reader.uri, checkpoint, durationMs: clock.nowMs() - startedAtMs })
  return metadata
}

/** What the tasks are planned by, as if it were a checkpoint. */
export function plannedFor({ checkpoint, sources, exchanges }: SavepointMetadata): PlannedFor {
  return { checkpoint, sources, exchanges }
}

function fitOf({ graph, stages, config }: EpochParts, { given, plan, topics }: Taking): SavepointFit {
  const fit = fitSavepoint(
    given.reader.metadata,
    {
      stages,
      states: wantedStates(graph),
      sources: plan.sources,
      partitions: new Map(topics.map(({ exchange, partitions }) => [exchange, partitions])),
    },
    { positions: config.fromPositions, allowDropped: config.allowDroppedState },
  )
  registerStates(graph, { checkpoint: given.reader.metadata.checkpoint, states: fit.states })
  return fit
}

async function movedState(
  { applicationId, storage, clock, logger, context }: EpochParts,
  { given: { reader }, epoch, signal }: Taking,
  { routes }: SavepointFit,
  checkpoint: number,
): Promise<MovedState> {
  let doneBytes = 0
  let toldAtMs = clock.monotonicMs()
  return moveState({
    reader,
    routes,
    storage,
    pathOf: (part) => mergedPath(applicationId, checkpoint, epoch, context.workerIndex, part),
    clock,
    signal,
    onMoved(bytes) {
      doneBytes += bytes
      if (clock.monotonicMs() - toldAtMs < PROGRESS_EVERY_MS) return
      toldAtMs = clock.monotonicMs()
      logger.info('taking-savepoint', { doneBytes, totalBytes: reader.metadata.totalBytes })
    },
  })
}

async function movedFrames(
  { stages }: EpochParts,
  { given: { reader }, epoch, exchange, topics, signal }: Taking,
  { frames }: SavepointFit,
  checkpoint: number,
) {
  if (exchange === null) return { writers: [], positions: {} }
  return moveFrames({ reader, routes: frames, stages, exchange, topics, epoch, checkpoint, signal })
}

interface Moved {
  readonly checkpoint: number
  readonly startedAtMs: number
  readonly state: MovedState
  readonly frames: Awaited<ReturnType<typeof moveFrames>>
}

function metadataOf(
  { applicationId, graphDigest, clock }: EpochParts,
  { given, epoch, topics }: Taking,
  { states, sources, watermarks }: SavepointFit,
  { checkpoint, startedAtMs, state, frames }: Moved,
): CheckpointMetadata {
  const merged = { from: checkpoint, to: checkpoint, isBottom: true }
  const chains: Record<TaskKey, readonly ChainLink[]> = Object.fromEntries(
    [...state.tasks].map(([task, links]) => [task, links.map((link, part) => ({ ...link, merged: { ...merged, part } }))]),
  )
  const completedAtMs = clock.nowMs()
  const totalBytes = state.files.reduce((sum, { bytes }) => sum + bytes, 0)
  return {
    format: METADATA_FORMAT,
    version: versionFor(chains),
    applicationId,
    checkpoint,
    epoch,
    kind: 'periodic',
    savepoint: given.identity,
    parent: null,
    triggeredAt: new Date(startedAtMs).toISOString(),
    completedAt: new Date(completedAtMs).toISOString(),
    durationMs: Math.round(completedAtMs - startedAtMs),
    graphDigest,
    sources,
    exchanges: Object.fromEntries(
      topics.map(({ exchange, identity, partitions }) => [
        exchange,
        { identity, partitions, positions: frames.positions[exchange] ?? {} },
      ]),
    ),
    writers: frames.writers,
    watermarks,
    states,
    segments: state.files.map(({ path, bytes, sha256 }) => ({ path, bytes, sha256, since: checkpoint })),
    chains,
    committables: {},
    writtenBytes: totalBytes,
    totalBytes,
  }
}
