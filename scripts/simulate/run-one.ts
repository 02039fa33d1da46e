/** One seed, by chance or in a schedule. The product is loaded at the first one: a mutation must be applied before. */
import type { SeedResult } from '../../src/testing/world/run-seed.ts'

/** Of no schedule: whatever goes wrong does so by chance. */
export const CHANCE = 'chance'

let current = 'no seed'
process.on('unhandledRejection', (reason) => {
  console.error(`${current}: a rejection that nobody handles`, reason)
  process.exit(1)
})

/** @throws where the world itself fails, or no schedule has the name */
export async function runOne(
  seed: number,
  schedule: string,
  options: { readonly keepTrace?: boolean } = {},
): Promise<SeedResult> {
  const { runSeed } = await import('../../src/testing/world/run-seed.ts')
  const { runSchedule } = await import('../../src/testing/world/run-schedule.ts')
  const { schedules } = await import('../../src/testing/world/schedules.ts')
  current = `seed ${seed} of ${schedule}`
  if (schedule === CHANCE) return runSeed(seed, options)
  const chosen = schedules.find(({ name }) => name === schedule)
  if (chosen === undefined) throw new Error(`schedules are ${CHANCE}, ${schedules.map(({ name }) => name).join(', ')}`)
  return runSchedule(chosen, seed, options)
}

/** What is wrong, or how the world itself has failed. */
export async function wrongIn(seed: number, schedule: string): Promise<string | undefined> {
  try {
    return (await runOne(seed, schedule)).wrong
  } catch (error) {
    return String(error instanceof Error ? error.stack : error)
  }
}
