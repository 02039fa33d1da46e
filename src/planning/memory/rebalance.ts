/**
 * Moves shares towards the best ones, a step at a time, and only for a gain that is worth it: figures are estimates that
 * vary from round to round, and a cache that was emptied for nothing takes its time to fill again.
 */
import { allocate, type Consumer, type Shares, sumOf, totalGain, UNIT_BYTES } from './allocate.ts'

/** Seconds a second: less would be lost in what moving costs. */
const LEAST_GAIN = 0.002
/** And less than so much of what could be gained lies within what estimates vary by. */
const LEAST_GAIN_SHARE = 0.1
/** A share changes by so much of itself in one round. */
const STEP = 0.25

/** The same shares where nothing is worth moving. `totalBytes` may have changed meanwhile. */
export function rebalance<N extends string>(
  consumers: readonly Consumer<N>[],
  current: Shares<N>,
  totalBytes: number,
  unitBytes: number = UNIT_BYTES,
): Shares<N> {
  const best = allocate(consumers, totalBytes, unitBytes)
  const gained = totalGain(consumers, best) - totalGain(consumers, current)
  const isWorthIt = gained > LEAST_GAIN && gained > LEAST_GAIN_SHARE * Math.abs(rangeOf(consumers, best))
  const excess = sumOf(current) - totalBytes
  if (!isWorthIt) return excess > 0 ? shrunk(consumers, current, best, totalBytes) : current
  return stepTowards(consumers, current, withLeftOver(consumers, best, current, totalBytes), totalBytes)
}

/** Against everybody having the minimum. */
function rangeOf<N extends string>(consumers: readonly Consumer<N>[], best: Shares<N>): number {
  const least = new Map(consumers.map(({ name, minimumBytes }) => [name, minimumBytes]))
  return totalGain(consumers, best) - totalGain(consumers, least)
}

/** Nobody is made smaller for bytes that nobody would take. */
function withLeftOver<N extends string>(
  consumers: readonly Consumer<N>[],
  best: Shares<N>,
  current: Shares<N>,
  totalBytes: number,
): Shares<N> {
  let left = Math.max(0, totalBytes - sumOf(best))
  const kept = new Map(best)
  for (const { name } of consumers) {
    const bytes = Math.min(left, Math.max(0, current.get(name)! - best.get(name)!))
    kept.set(name, best.get(name)! + bytes)
    left -= bytes
  }
  return kept
}

function stepTowards<N extends string>(
  consumers: readonly Consumer<N>[],
  current: Shares<N>,
  target: Shares<N>,
  totalBytes: number,
): Shares<N> {
  const next = new Map<N, number>()
  for (const { name, minimumBytes } of consumers) {
    const now = current.get(name)!
    const least = Math.max(minimumBytes, Math.floor(now * (1 - STEP)))
    next.set(name, Math.max(Math.min(now, target.get(name)!), least))
  }
  // First those that give, then those that take of what is there.
  let left = Math.max(0, totalBytes - sumOf(next))
  for (const { name } of consumers) {
    const now = next.get(name)!
    const wanted = Math.min(target.get(name)! - now, Math.max(UNIT_BYTES, Math.floor(now * STEP)))
    const bytes = Math.max(0, Math.min(left, wanted))
    next.set(name, now + bytes)
    left -= bytes
  }
  return sumOf(next) > totalBytes ? shrunk(consumers, next, target, totalBytes) : next
}

/** At once, since memory is short: each gives of what it has above the best share, or above its minimum. */
function shrunk<N extends string>(
  consumers: readonly Consumer<N>[],
  current: Shares<N>,
  best: Shares<N>,
  totalBytes: number,
): Shares<N> {
  const next = new Map(current)
  for (const floorOf of [(one: Consumer<N>) => best.get(one.name)!, (one: Consumer<N>) => one.minimumBytes]) {
    const excess = sumOf(next) - totalBytes
    if (excess <= 0) break
    const above = consumers.map((one) => Math.max(0, next.get(one.name)! - floorOf(one)))
    const sum = above.reduce((a, b) => a + b, 0)
    const share = sum === 0 ? 0 : Math.min(1, excess / sum)
    for (const [i, { name }] of consumers.entries()) next.set(name, next.get(name)! - Math.ceil(above[i]! * share))
  }
  // Rounding up must not go below.
  for (const { name, minimumBytes } of consumers) next.set(name, Math.max(minimumBytes, next.get(name)!))
  return next
}
