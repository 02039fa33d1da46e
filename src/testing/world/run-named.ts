import { CHANCE } from './chance.ts'
import { runSchedule } from './run-schedule.ts'
import { runSeed, type SeedResult } from './run-seed.ts'
import { schedules } from './schedules.ts'

type Run = (seed: number, options?: { readonly keepTrace?: boolean }) => Promise<SeedResult>

/**
 * How to run one seed, by chance or in a schedule.
 * @throws where no schedule has the name
 */
export function runnerOf(schedule: string): Run {
  if (schedule === CHANCE) return runSeed
  const chosen = schedules.find(({ name }) => name === schedule)
  if (chosen === undefined) throw new Error(`schedules are ${CHANCE}, ${schedules.map(({ name }) => name).join(', ')}`)
  return (seed, options) => runSchedule(chosen, seed, options)
}
