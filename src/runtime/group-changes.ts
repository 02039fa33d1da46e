/**
 * What a running worker does when the group changes, or it shall stop: a last checkpoint first, so that nothing is
 * replayed. Where that can't come, because a worker is gone, the epoch fails at once and everybody joins again.
 */
import { MillraceError } from '../common/errors.ts'
import { parseTaskKey } from '../records/task-id.ts'
import type { EpochParts } from './epoch-parts.ts'
import type { StartedEpoch } from './started-epoch.ts'
import { planTasks } from './task-plan.ts'
import { verdictOn } from './verdict.ts'

/** Of the rebalance timeout: the rest is for joining again. */
const FINAL_CHECKPOINT_SHARE = 0.5
const LOOK_AGAIN_MS = 500

export function watchGroup(parts: EpochParts, started: StartedEpoch, wantFinal: (cause: string) => void): void {
  const { stop, session } = parts
  const { rebalancing } = session.membership
  const on = (signal: AbortSignal, act: () => void) => {
    if (signal.aborted) return act()
    signal.addEventListener('abort', act, { once: true })
    started.onClose(() => signal.removeEventListener('abort', act))
  }
  on(stop, () => wantFinal('a worker stops'))
  on(rebalancing, () => {
    onRebalancing(parts, started, wantFinal).catch(started.fail)
  })
  if (started.isLeader) watchPartitions(parts, started, wantFinal)
}

async function onRebalancing(
  { session, follower, clock, config, logger }: EpochParts,
  { epoch, isLeader, fail, onClose }: StartedEpoch,
  wantFinal: (cause: string) => void,
): Promise<void> {
  logger.info('group-rebalancing', { epoch })
  const over = new AbortController()
  onClose(() => over.abort(new Error('the epoch has ended')))
  const isOver = () => {
    const { view } = follower
    // Behind the final checkpoint whoever wants to leave does.
    return over.signal.aborted || view.epoch !== epoch || view.failure !== undefined || view.isFinished
  }
  const members = follower.view.claim?.members ?? []
  const deadlineMs = clock.monotonicMs() + config.rebalanceTimeoutMs * FINAL_CHECKPOINT_SHARE
  for (let isFirst = true; ; isFirst = false) {
    // A worker that is dead counts as a member until its session has run out.
    const present = await session.membership.present(members.map(({ memberId }) => memberId)).catch(() => undefined)
    if (isOver()) return
    const gone = present === undefined ? [] : members.filter(({ memberId }) => !present.has(memberId))
    if (gone.length > 0) {
      const names = gone.map(({ worker }) => worker).join(', ')
      return fail(new MillraceError('MR_WORKER_GONE', `${names} left the group without a last checkpoint`))
    }
    if (isFirst && isLeader) wantFinal('the group changes')
    await clock.sleep(LOOK_AGAIN_MS, over.signal).catch(() => {})
    if (isOver()) return
    if (clock.monotonicMs() >= deadlineMs) {
      return fail(
        new MillraceError('MR_FINAL_CHECKPOINT_MISSED', 'the group changes, and no final checkpoint was complete in time'),
      )
    }
  }
}

/** Partitions that were added are picked up by the next epoch; where keys have moved with them, the job fails by name. */
function watchPartitions(parts: EpochParts, started: StartedEpoch, wantFinal: (cause: string) => void): void {
  const { clock, config, stages, session, logger } = parts
  const known = new Set(session.plan?.tasks)
  const look = async () => {
    // Of exchanges it is not about here.
    const { tasks, sources } = await planTasks(stages, started.metadata, started.context, async () => undefined)
    const added = tasks.filter((task) => !known.has(task) && sources.has(parseTaskKey(task).stage))
    if (added.length === 0) return
    logger.info('partitions-added', { tasks: added.join(', ') })
    wantFinal('partitions were added')
  }
  const onFailure = (error: Error) => {
    // Brokers that are away for a moment are there when it looks again.
    if (verdictOn(error) === 'final') started.fail(error)
    else logger.debug('partition-discovery-failed', { error })
  }
  started.onClose(clock.every(config.partitionDiscoveryIntervalMs, () => void look().catch(onFailure)))
}
