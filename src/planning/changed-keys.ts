/**
 * How many keys change between two checkpoints. Keys that change more than once count once, so twice the interval holds
 * fewer than twice the changed keys: the occupancy problem (Feller, volume 1, II.5), with updates spread evenly over keys.
 * Skewed updates change fewer keys, so these figures are upper bounds.
 */

/** Of so many keys at least this share is left unchanged in an estimate: all of them changed would mean endless updates. */
const LEAST_UNCHANGED_SHARE = 1e-3

/** Distinct keys among `updates` updates of `keys` keys. */
export function changedKeys(keys: number, updates: number): number {
  if (keys <= 0 || updates <= 0) return 0
  // expm1 keeps its digits where few keys change.
  return -keys * Math.expm1(-updates / keys)
}

/** The inverse: how many updates have changed so many of the keys. */
export function updatesThatChanged(keys: number, changed: number): number {
  if (keys <= 0 || changed <= 0) return 0
  return -keys * Math.log1p(-Math.min(changed / keys, 1 - LEAST_UNCHANGED_SHARE))
}
