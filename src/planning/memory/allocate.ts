/**
 * Shares a sum of bytes out among consumers so that the expected cost is least: unit by unit, each to whom it saves most
 * (marginal analysis: Fox, "Discrete Optimization via Marginal Analysis", 1966; the best there is where gains diminish).
 *
 * - The sum of shares is never above `totalBytes`, but for the minimums, which every consumer has whatever happens.
 * - What would gain nobody anything is shared out to none.
 * - With the same unit, a larger total makes no share smaller.
 */
import { assert } from '../../common/assert.ts'

export interface Consumer<N extends string = string> {
  readonly name: N
  readonly minimumBytes: number
  readonly maximumBytes: number
  /**
   * Time saved with so many bytes, in seconds a second, against any fixed point. Never falls with more bytes, and each
   * further byte gains no more than the one before.
   */
  readonly gain: (bytes: number) => number
}

export type Shares<N extends string = string> = ReadonlyMap<N, number>

export const UNIT_BYTES = 2 ** 20

export function allocate<N extends string>(
  consumers: readonly Consumer<N>[],
  totalBytes: number,
  unitBytes: number = UNIT_BYTES,
): Shares<N> {
  assert(unitBytes > 0, 'a unit has bytes')
  const shares = new Map<N, number>(consumers.map(({ name, minimumBytes }) => [name, minimumBytes]))
  const next = consumers.map((consumer) => ({ consumer, gained: gainOfNext(consumer, consumer.minimumBytes, unitBytes) }))
  let left = totalBytes - sumOf(shares)
  while (left >= unitBytes) {
    let best = next[0]
    for (const candidate of next) if (best === undefined || candidate.gained > best.gained) best = candidate
    if (best === undefined || best.gained <= 0) break
    const { name } = best.consumer
    const bytes = shares.get(name)! + unitBytes
    shares.set(name, bytes)
    best.gained = gainOfNext(best.consumer, bytes, unitBytes)
    left -= unitBytes
  }
  return shares
}

/** What all of them gain together. */
export function totalGain<N extends string>(consumers: readonly Consumer<N>[], shares: Shares<N>): number {
  return consumers.reduce((sum, { name, gain }) => sum + gain(shares.get(name) ?? 0), 0)
}

export function sumOf(shares: Shares): number {
  let sum = 0
  for (const bytes of shares.values()) sum += bytes
  return sum
}

function gainOfNext({ gain, maximumBytes }: Consumer, bytes: number, unitBytes: number): number {
  return bytes + unitBytes > maximumBytes ? 0 : gain(bytes + unitBytes) - gain(bytes)
}
