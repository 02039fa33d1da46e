/** How much more than the live state is stored, and read by a restore, as people read it. */
import type { StateFactors } from '../checkpoint/stored-state.ts'
import { roundedBytes } from '../service/log-fields.ts'

/** `1.42x`; nothing where there is no live state. */
export function factorText(factor: number | null): string {
  return factor === null ? '' : `${factor.toFixed(2)}x`
}

export interface LiveState extends StateFactors {
  readonly liveBytes: number
}

/** `12.0MiB; 1.42x of it is stored, a restore reads 1.10x`. */
export function liveText({ liveBytes, storageFactor, restoreFactor }: LiveState): string {
  if (storageFactor === null || restoreFactor === null) return roundedBytes(liveBytes)
  return `${roundedBytes(liveBytes)}; ${factorText(storageFactor)} of it is stored, a restore reads ${factorText(restoreFactor)}`
}
