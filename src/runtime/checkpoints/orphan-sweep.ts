/** The leader sweeps the storage in the background: a moment after the start of its epoch, and now and then. */
import { sweepOrphans } from '../../checkpoint/sweep.ts'
import type { Clock } from '../../common/clock.ts'
import { toError } from '../../common/errors.ts'
import type { Logger } from '../../common/logger.ts'
import type { CheckpointStorage } from '../../ports/checkpoint-storage.ts'
import type { LogFollower } from '../log-follower.ts'

/** Not in the way of the first checkpoint. */
const FIRST_AFTER_MS = 2_000
/** For what zombies put after it. Listing costs a request for each thousand files. */
const EVERY_MS = 3_600_000
/** Between two deletions of a hundred files. */
const PAUSE_MS = 200

export interface OrphanSweepParts {
  readonly applicationId: string
  readonly epoch: number
  readonly clock: Clock
  readonly logger: Logger
  readonly storage: CheckpointStorage
  readonly follower: LogFollower
}

/** Until it is called off; resolves when nothing of it goes on. */
export function keepSwept(parts: OrphanSweepParts): () => Promise<void> {
  const { clock } = parts
  const stopping = new AbortController()
  let sweeping = Promise.resolve()
  let nextAtMs = clock.monotonicMs()
  // Sleeping for an hour would keep the process alive for as long.
  const end = clock.every(FIRST_AFTER_MS, () => {
    if (clock.monotonicMs() < nextAtMs) return
    nextAtMs = clock.monotonicMs() + EVERY_MS
    sweeping = sweep(parts, stopping.signal)
  })
  return () => {
    end()
    stopping.abort(new Error('the epoch has ended'))
    return sweeping
  }
}

async function sweep(parts: OrphanSweepParts, signal: AbortSignal): Promise<void> {
  const { applicationId, epoch, clock, logger, storage, follower } = parts
  const { view } = follower
  // A newer claim: that leader's business.
  if (view.epoch !== epoch) return
  try {
    const kept = [...view.retained, ...view.abandoned]
    const pause = () => clock.sleep(PAUSE_MS, signal)
    const { files, bytes } = await sweepOrphans({ storage, applicationId, epoch, kept, pause })
    if (files > 0) logger.info('orphans-deleted', { files, bytes })
  } catch (error) {
    if (signal.aborted) return
    // Also where a checkpoint was dropped while its metadata was to be read. Nothing is lost but some space.
    logger.warn('orphans-not-deleted', { error: toError(error).message })
  }
}
