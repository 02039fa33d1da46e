import { CHANCE } from '../../src/testing/world/chance.ts'
import { CoverageTable } from '../../src/testing/world/coverage.ts'
import { schedules } from '../../src/testing/world/schedules.ts'
import { type NamedSeed, SeedPool, seedsByChance } from '../../src/testing/world/seed-pool.ts'
import type { SeedRange } from './seed-range.ts'

const SEEDS = 500
/** Behind so many seeds by chance comes one of a schedule, in turn. */
const SCHEDULED_EVERY = 3
const PROGRESS_EVERY_MS = 10_000

/**
 * On all cores, telling how far it has come, what is wrong and how to see it again, and at the end what was covered.
 * False: something was wrong.
 *
 * @param schedule undefined: by chance, and all schedules in turn
 * @param isJson one object at the end, on stdout, in place of the table; all else on stderr
 */
export async function runMany(
  { from, seeds = SEEDS }: SeedRange,
  schedule: string | undefined,
  isJson: boolean,
): Promise<boolean> {
  const startMs = performance.now()
  const table = new CoverageTable()
  const violations: (NamedSeed & { readonly wrong: string })[] = []
  let done = 0
  const tell = isJson ? console.error : console.log
  const perSecond = () => (done / ((performance.now() - startMs) / 1_000)).toFixed(1)
  const pool = new SeedPool()
  const progress = setInterval(() => {
    tell(`${done} seeds, ${violations.length} with violations, ${perSecond()} a second`)
  }, PROGRESS_EVERY_MS)
  try {
    await pool.run(chosen(from, seeds, schedule), ({ seed, schedule: name, wrong, covered }) => {
      done++
      table.add(covered)
      if (wrong === undefined) return
      violations.push({ seed, schedule: name, wrong })
      const option = name === CHANCE ? '' : ` --schedule ${name}`
      tell(`seed ${seed}${name === CHANCE ? '' : ` of ${name}`}: ${wrong}\n  npm run simulate -- --seed ${seed}${option}`)
    })
  } finally {
    clearInterval(progress)
    await pool.close()
  }
  if (isJson) console.log(JSON.stringify({ from, seeds, violations, covered: table }, null, 1))
  else console.log(`${table}`)
  tell(`${done} seeds, ${violations.length} with violations, ${perSecond()} seeds a second`)
  return violations.length === 0
}

function* chosen(from: number, count: number, schedule: string | undefined): Generator<NamedSeed> {
  for (const seed of seedsByChance(from, count)) {
    yield { ...seed, schedule: schedule ?? CHANCE }
    const turn = schedules[(seed.seed / SCHEDULED_EVERY) % schedules.length]
    if (schedule === undefined && turn !== undefined) yield { seed: seed.seed, schedule: turn.name }
  }
}
