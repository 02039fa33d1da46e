/** One seed, by chance or in a schedule. The product is loaded at the first one: a mutation must be applied before. */
import type { SeedResult } from '../../src/testing/world/run-seed.ts'

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
  const { runNamed } = await import('../../src/testing/world/run-named.ts')
  current = `seed ${seed} of ${schedule}`
  return runNamed(seed, schedule, options)
}

/** What is wrong, or how the world itself has failed. */
export async function wrongIn(seed: number, schedule: string): Promise<string | undefined> {
  try {
    return (await runOne(seed, schedule)).wrong
  } catch (error) {
    return String(error instanceof Error ? error.stack : error)
  }
}
