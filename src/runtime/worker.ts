/**
 * A worker from its start to its end: opens what outlives epochs (local state, control log, membership), and takes part
 * in the group until it is asked to stop or the job has failed for good.
 *
 *     join the group → be named in a claim → run the epoch → again, in the same group or after a rebalance
 */
import { toError } from '../common/errors.ts'
import type { ConnectorContext } from '../ports/connector-context.ts'
import { withDeadline } from './deadline.ts'
import { GroupLife } from './group-life.ts'
import { openLocalState } from './local-state.ts'
import { LogFollower } from './log-follower.ts'
import { GivenSavepoint } from './savepoint/given-savepoint.ts'
import { SharedResources } from './shared-resources.ts'
import { ShutdownTimeout } from './shutdown-timeout.ts'
import type { WorkerParts } from './worker-parts.ts'

export type WorkerEnd = { readonly ok: true } | { readonly ok: false; readonly error: Error }

export interface RunningWorker {
  /** Never rejects. */
  readonly done: Promise<WorkerEnd>
  /** Takes a final checkpoint, for which there is `shutdownTimeoutMs`, and ends. */
  stop(): void
}

export function startWorker(parts: WorkerParts): RunningWorker {
  const stopping = new AbortController()
  return {
    done: run(parts, stopping.signal),
    stop: () => stopping.abort(),
  }
}

async function run(parts: WorkerParts, stop: AbortSignal): Promise<WorkerEnd> {
  const { logger, status } = parts
  const failure = Promise.withResolvers<never>()
  failure.promise.catch(() => {})
  const shared = new SharedResources()
  const closers: (() => Promise<unknown>)[] = [() => parts.storage.close(), () => shared.close(logger)]
  try {
    await Promise.race([takePart(parts, stop, shared, closers, failure.reject), failure.promise])
    status.enter('stopped')
    return { ok: true }
  } catch (thrown) {
    if (thrown instanceof ShutdownTimeout) {
      logger.warn('final-checkpoint-missed', { timeoutMs: parts.config.shutdownTimeoutMs })
      status.enter('stopped')
      return { ok: true }
    }
    status.enter('failed')
    return { ok: false, error: toError(thrown) }
  } finally {
    for (const close of closers.reverse()) {
      await close().catch((error) => logger.warn('close-failed', { error: toError(error).message }))
    }
  }
}

async function takePart(
  parts: WorkerParts,
  stop: AbortSignal,
  shared: SharedResources,
  closers: (() => Promise<unknown>)[],
  fail: (error: Error) => void,
): Promise<void> {
  const { clock, config, logger, status } = parts
  status.enter('starting')
  await parts.storage.check()
  // Before the group hears of this worker: it tells the group what it holds.
  const backend = await withDeadline(
    clock,
    'opening the local state',
    config.restoreTimeoutMs,
    openLocalState(parts.backends(), logger),
  )
  closers.push(() => backend.close())
  const context = workerContext(parts, shared, fail)
  const controlLog = parts.createControlLog(context)
  closers.push(() => controlLog.close())
  const follower = new LogFollower(controlLog)
  closers.push(() => follower.stop())
  follower.failed.catch(fail)
  const { created } = await withDeadline(clock, 'opening the control log', config.recoveryTimeoutMs, controlLog.open())
  if (created) logger.info('control-log-created')
  await withDeadline(clock, 'reading the control log', config.recoveryTimeoutMs, follower.start())
  const savepoint = await givenSavepoint(parts)
  if (savepoint !== null) closers.push(() => savepoint.storage.close())
  // A copy that can't take part must not disturb those that run.
  savepoint?.isToTake(follower.view)
  const membership = parts.createMembership(context, backend.directory)
  closers.push(() => membership.leave())
  await new GroupLife({ ...parts, stop, follower, backend, membership, shared, savepoint, context }).run()
}

async function givenSavepoint({ openStorage, config }: WorkerParts): Promise<GivenSavepoint | null> {
  if (config.from === undefined) return null
  return GivenSavepoint.open(await openStorage(config.from), config.fromForce)
}

/** For what outlives epochs. Its failures end the worker. */
function workerContext(parts: WorkerParts, shared: SharedResources, fail: (error: Error) => void): ConnectorContext {
  const { applicationId, clock, logger, metrics, config } = parts
  return {
    applicationId,
    workerIndex: 0,
    clock,
    logger,
    metrics,
    config,
    share: (key, make) => shared.share(key, make),
    fail,
  }
}
