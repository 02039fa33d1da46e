/**
 * Back pressure over exchanges (R19 of docs/protocol.md): whoever reads one and falls behind says so in the control log, and
 * the sources of all workers wait until nobody does.
 */
import type { LogView } from '../../checkpoint/protocol/log-view.ts'
import type { EpochParts } from '../epoch-parts.ts'
import { appendOne } from '../log-follower.ts'
import type { StartedEpoch } from '../started-epoch.ts'

/** Input that lags less than this share of the bound lets sources go on: not on and off with every frame. */
const LAG_IS_OVER_AT = 0.5

export function isHeldBack({ lagging }: LogView): boolean {
  return lagging.size > 0
}

/** Tells the log when the lag of this worker's exchange input passes the bound, and when it is over. */
export function tellOfLag(
  { follower, config }: Pick<EpochParts, 'follower' | 'config'>,
  { epoch, worker, fail }: Pick<StartedEpoch, 'epoch' | 'worker' | 'fail'>,
  frames: number,
): void {
  const isLagging = follower.view.lagging.has(worker)
  const limit = isLagging ? config.exchangeMaxLag * LAG_IS_OVER_AT : config.exchangeMaxLag
  if (frames > limit === isLagging) return
  appendOne(follower, { type: 'exchange-lagging', epoch, worker, isLagging: !isLagging }).catch(fail)
}
