import { CHANCE, wrongIn } from './run-one.ts'
import type { SeedRange } from './seed-range.ts'

const SEEDS = 500
/** Behind so many seeds by chance comes one of a schedule, in turn. */
const SCHEDULED_EVERY = 3

/**
 * False: something was wrong.
 * @param schedule undefined: by chance, and all schedules in turn
 */
export async function runMany({ from, seeds = SEEDS }: SeedRange, schedule: string | undefined): Promise<boolean> {
  const { schedules } = await import('../../src/testing/world/schedules.ts')
  const startMs = performance.now()
  let failures = 0
  const run = async (seed: number, name: string) => {
    const wrong = await wrongIn(seed, name)
    if (wrong === undefined) return
    failures++
    console.log(`seed ${seed}${name === CHANCE ? '' : ` of ${name}`}: ${wrong}`)
  }
  for (let seed = from; seed < from + seeds; seed++) {
    await run(seed, schedule ?? CHANCE)
    const turn = schedules[(seed / SCHEDULED_EVERY) % schedules.length]
    if (schedule === undefined && turn !== undefined) await run(seed, turn.name)
  }
  const seconds = (performance.now() - startMs) / 1_000
  console.log(`${seeds} seeds, ${failures} with violations, ${(seeds / seconds).toFixed(1)} seeds a second`)
  return failures === 0
}
