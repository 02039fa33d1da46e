/**
 * Moves shares towards the best ones, a step at a time, and only for a gain that is worth it: figures are estimates that
 * vary from round to round, and a cache that was emptied for nothing takes its time to fill again.
 */
import { allocate, type Consumer, type Shares, sumOf, totalGain, UNIT_BYTES } from './allocate.ts'

/** Seconds a second: less would be lost in what moving costs. */
const LEAST_GAIN = 0.002
/** What takers gain, of what givers lose: less lies within what estimates vary by. */
const LEAST_RATIO = 1.3
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
  if (sumOf(current) > totalBytes) return shrunk(consumers, current, best, totalBytes)
  if (totalGain(consumers, best) - totalGain(consumers, current) <= LEAST_GAIN) return current
  const next = stepTowards(consumers, current, withLeftOver(consumers, best, current, totalBytes), totalBytes)
  return isWorthIt(consumers, current, next) ? next : current
}

function isWorthIt<N extends string>(consumers: readonly Consumer<N>[], current: Shares<N>, next: Shares<N>): boolean {
  let gained = 0
  let lost = 0
  for (const { name, gain } of consumers) {
    const change = gain(next.get(name)!) - gain(current.get(name)!)
    if (change > 0) gained += change
    else lost -= change
  }
  return gained > LEAST_RATIO * lost
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
  // What nobody takes in this round stays where it is.
  for (const { name } of consumers) {
    const bytes = Math.max(0, Math.min(left, current.get(name)! - next.get(name)!))
    next.set(name, next.get(name)! + bytes)
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
