/**
 * What the leader does between the claim of an epoch and its recovery (R6):
 *
 *  1. read the restore point's metadata (R7);
 *  2. settle the prepared transactions of the last completed checkpoint, then fence all that the job ever used
 *     (settle-transactions.ts);
 *  3. create the exchange topics that are missing;
 *  4. take over the savepoint that the job begins with, if there is one (savepoint/take-savepoint.ts);
 *  5. resolve where sources begin that have no positions yet (R8);
 *  6. append `epoch-recovered`.
 */
import type { CheckpointMetadata, SourcePositions } from '../checkpoint/metadata.ts'
import { decodeMetadata } from '../checkpoint/metadata.ts'
import type { RestorePoint } from '../checkpoint/protocol/control-records.ts'
import type { LogView } from '../checkpoint/protocol/log-view.ts'
import { defined } from '../common/assert.ts'
import { MillraceError } from '../common/errors.ts'
import type { Logger } from '../common/logger.ts'
import type { CheckpointStorage } from '../ports/checkpoint-storage.ts'
import type { Exchange, ExchangeTopic } from '../ports/exchange.ts'
import type { EpochParts } from './epoch-parts.ts'
import { refuseUnclaimedSources, sourcesOf } from './job-fit.ts'
import { appendOne, type LogFollower } from './log-follower.ts'
import { explainUnreadable, isUnreadable } from './restore/unreadable-checkpoint.ts'
import { takeSavepoint } from './savepoint/take-savepoint.ts'
import { settleTransactions } from './settle-transactions.ts'
import { settleSourceStarts } from './source-starts.ts'
import { Superseded } from './superseded.ts'
import type { TaskPlan } from './task-plan.ts'
import type { OpenedSinks } from './tasks/open-sinks.ts'

export interface Recovery {
  readonly epoch: number
  readonly sinks: OpenedSinks
  /** Null: the job has no exchanges. */
  readonly exchange: Exchange | null
  /** Aborted at the end of the epoch. */
  readonly signal: AbortSignal
}

/** Resolves with the restore point's metadata. */
export async function recover(
  parts: EpochParts,
  { epoch, sinks, exchange, signal }: Recovery,
): Promise<CheckpointMetadata | null> {
  const { follower, storage, applicationId, logger, session, savepoint: given } = parts
  const { view } = follower
  const plan = defined(session.plan, 'plan of the leader')
  const before = await readRestorePoint(view, storage, applicationId)
  const isRestored = view.settlePoint?.checkpoint === view.restorePoint?.checkpoint
  const last = isRestored ? before : await readSettlePoint(view, storage, before, logger)
  const { settled, fresh } = await settleTransactions(follower, epoch, last, sinks.participants, logger)
  const exchanges = exchange === null ? [] : await exchange.prepare(plan.exchanges)
  const metadata = given?.isToTake(view)
    ? await takeSavepoint(parts, { given, epoch, plan, exchange, topics: exchanges, signal })
    : before
  refuseReplacedExchanges(exchanges, metadata)
  const sources = await resolvePositions(parts, epoch, plan, metadata)
  const isValid = await appendOne(follower, {
    type: 'epoch-recovered',
    epoch,
    restorePoint: view.restorePoint,
    settled,
    fresh,
    sources,
    exchanges,
  })
  if (!isValid) throw new Superseded(`epoch ${view.epoch} has taken over during recovery`)
  return metadata
}

/** Null when there is no checkpoint yet. */
export async function readRestorePoint(
  view: LogView,
  storage: CheckpointStorage,
  applicationId: string,
): Promise<CheckpointMetadata | null> {
  if (view.restorePoint !== null) {
    try {
      return await readMetadata(storage, view.restorePoint)
    } catch (error) {
      throw await explainUnreadable(error, { view, storage, applicationId })
    }
  }
  // The first start of a job may have died before its first completion, or before it had taken over a savepoint: then the
  // log says where its sources begin, which stands there before anything is put into the storage.
  const hasBegun = view.lastCheckpoint > 0 || view.sourceStarts.size > 0
  for await (const file of storage.list(`${applicationId}/checkpoints/`)) {
    if (hasBegun) break
    throw new MillraceError(
      'MR_CONTROL_LOG_MISSING',
      `the control log of "${applicationId}" is empty, but ${storage.uri} holds ${file.path}`,
    )
  }
  return null
}

/**
 * Of a checkpoint that a rewind has given up, whose transactions are settled all the same. Where it can't be read, which may
 * be why there was a rewind, those of the restore point are: what came behind them is fenced away, and processed again.
 */
async function readSettlePoint(
  { settlePoint }: LogView,
  storage: CheckpointStorage,
  restored: CheckpointMetadata | null,
  logger: Logger,
): Promise<CheckpointMetadata | null> {
  try {
    return await readMetadata(storage, settlePoint)
  } catch (error) {
    if (!isUnreadable(error)) throw error
    logger.warn('abandoned-checkpoint-unreadable', { checkpoint: settlePoint?.checkpoint, error })
    return restored
  }
}

/**
 * Between two epochs, by who leads the group: others may go on meanwhile, so what was the restore point when it was looked up
 * may be an old one when it is read, and deleted.
 */
export async function readLatestRestorePoint(
  follower: LogFollower,
  storage: CheckpointStorage,
  applicationId: string,
): Promise<CheckpointMetadata | null> {
  const { view } = follower
  for (;;) {
    await follower.catchUp()
    const { restorePoint } = view
    try {
      return await readRestorePoint(view, storage, applicationId)
    } catch (error) {
      await follower.catchUp()
      if (view.restorePoint === restorePoint) throw error
    }
  }
}

async function readMetadata(storage: CheckpointStorage, point: RestorePoint | null): Promise<CheckpointMetadata | null> {
  return point === null ? null : decodeMetadata(await storage.get(point.path), point.path, point.sha256)
}

/** Where every source goes on. */
async function resolvePositions(
  { follower, stages }: EpochParts,
  epoch: number,
  plan: TaskPlan,
  metadata: CheckpointMetadata | null,
): Promise<Record<string, SourcePositions>> {
  const nodes = sourcesOf(stages)
  refuseUnclaimedSources(nodes, metadata)
  const result: Record<string, SourcePositions> = {}
  const starts = await settleSourceStarts(follower, epoch, nodes, plan)
  for (const node of nodes) {
    const now = defined(plan.sources.get(node.name), `start of ${node.name}`)
    const start = defined(starts.get(node.name), `settled start of ${node.name}`)
    const positions: Record<string, number> = {}
    for (const { partition, position } of start.partitions) positions[partition] = position
    // What was created after checkpoint 0 is read from its beginning, whatever the source was told then.
    for (const { partition, first } of now.partitions) positions[partition] ??= first
    result[node.name] = { identity: start.identity, positions: { ...positions, ...metadata?.sources[node.name]?.positions } }
  }
  return result
}

/** In-flight records of the restore point lie in these very topics. */
function refuseReplacedExchanges(exchanges: readonly ExchangeTopic[], metadata: CheckpointMetadata | null): void {
  for (const [name, known] of Object.entries(metadata?.exchanges ?? {})) {
    const now = exchanges.find(({ exchange }) => exchange === name)
    if (now === undefined) {
      throw new MillraceError(
        'MR_SOURCE_UNCLAIMED',
        `checkpoint ${metadata?.checkpoint} holds in-flight records of the exchange "${name}", which the job does not have`,
      )
    }
    if (now.identity === known.identity) continue
    throw new MillraceError(
      'MR_EXCHANGE_REPLACED',
      `exchange topic ${now.topic} had the id ${known.identity} at checkpoint ${metadata?.checkpoint} and has now ${now.identity}`,
    )
  }
}
