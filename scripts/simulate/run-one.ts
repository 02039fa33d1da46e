/** One seed, by chance or in a schedule. The product is loaded at the first one: a mutation must be applied before. */
import { requireMutated } from '../../src/testing/world/mutate.ts'
import type { SeedResult } from '../../src/testing/world/run-seed.ts'

let current = 'no seed'
process.on('unhandledRejection', (reason) => {
  console.error(`${current}: a rejection that nobody handles`, reason)
  process.exit(1)
})

/** With its trace. Rejects where the world itself fails. */
export async function runTraced(seed: number, schedule: string): Promise<SeedResult> {
  const run = await load(schedule)
  current = `seed ${seed} of ${schedule}`
  return run(seed, { keepTrace: true })
}

/** What is wrong, or how the world itself has failed. */
export async function wrongIn(seed: number, schedule: string): Promise<string | undefined> {
  const run = await load(schedule)
  current = `seed ${seed} of ${schedule}`
  try {
    return (await run(seed)).wrong
  } catch (error) {
    return String(error instanceof Error ? error.stack : error)
  }
}

/** Rejects where no schedule has the name, or a mutation doesn't fit the source any more: neither is something found. */
async function load(schedule: string) {
  const { runnerOf } = await import('../../src/testing/world/run-named.ts')
  requireMutated()
  return runnerOf(schedule)
}
