import { CHANCE } from './chance.ts'
import { runSchedule } from './run-schedule.ts'
import { runSeed, type SeedResult } from './run-seed.ts'
import { schedules } from './schedules.ts'

/**
 * One seed, by chance or in a schedule.
 * @throws where the world itself fails, or no schedule has the name
 */
export async function runNamed(
  seed: number,
  schedule: string,
  options: { readonly keepTrace?: boolean } = {},
): Promise<SeedResult> {
  if (schedule === CHANCE) return runSeed(seed, options)
  const chosen = schedules.find(({ name }) => name === schedule)
  if (chosen === undefined) throw new Error(`schedules are ${CHANCE}, ${schedules.map(({ name }) => name).join(', ')}`)
  return runSchedule(chosen, seed, options)
}
