import { CHANCE } from '../../src/testing/world/chance.ts'
import type { Mutation } from '../../src/testing/world/mutations.ts'
import { wrongIn } from './run-one.ts'
import type { SeedRange } from './seed-range.ts'

const SEEDS = 5_000

/**
 * Runs the broken product until a seed shows it. False: none did.
 * @param wanted undefined: the schedule that is directed at it, or chance
 */
export async function findFirst(
  name: string,
  { without, schedule: directed }: Mutation,
  { from, seeds = SEEDS }: SeedRange,
  wanted: string | undefined,
): Promise<boolean> {
  const schedule = wanted ?? directed ?? CHANCE
  for (let seed = from; seed < from + seeds; seed++) {
    const wrong = await wrongIn(seed, schedule)
    if (wrong === undefined) continue
    console.log(`${name}: found by ${schedule} at seed ${seed}: ${wrong}`)
    return true
  }
  console.log(`${name}: NOT found by ${schedule} in ${seeds} seeds from ${from} on, without: ${without}`)
  return false
}
