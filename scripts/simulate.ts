/**
 * `npm run simulate -- [--seeds 500] [--from 1] [--json]`: the product in simulated worlds, on all cores: what goes wrong does
 * so by chance, one world a seed; and by schedules (src/testing/world/schedules/), one in turn behind every few seeds. At the
 * end in how many of them what happened: a hole in the table is a hole in the proof. `--schedule rewound`
 * runs one schedule alone. `--seed S [--schedule …]` runs one seed again, exactly, and writes its trace to a file. Exit 1 on
 * any violation.
 *
 * `--mutation R22` breaks a rule of the protocol first, and stops at the first seed that shows it, in the schedule that is
 * directed at it if there is one; exit 1 if none does within `--seeds` (5,000). `--mutations` does so with every one.
 */
import { parseArgs } from 'node:util'
import { CHANCE } from '../src/testing/world/chance.ts'
import { applyMutation } from '../src/testing/world/mutate.ts'
import { mutations } from '../src/testing/world/mutations.ts'
import { breakEach } from './simulate/break-each.ts'
import { findFirst } from './simulate/find-first.ts'
import { replay } from './simulate/replay.ts'
import { REPOSITORY } from './suite.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    from: { type: 'string' },
    seed: { type: 'string' },
    json: { type: 'boolean' },
    schedule: { type: 'string' },
    mutation: { type: 'string' },
    mutations: { type: 'boolean' },
  },
})
const { mutation: name, schedule } = values
const mutation = name === undefined ? undefined : mutations[name]
if (name !== undefined && mutation === undefined) throw new Error(`mutations are ${Object.keys(mutations).join(', ')}`)
if (mutation !== undefined) applyMutation(mutation, REPOSITORY)
const range = { from: Number(values.from ?? 1), seeds: values.seeds === undefined ? undefined : Number(values.seeds) }

process.exitCode = (await run()) ? 0 : 1

async function run(): Promise<boolean> {
  if (values.mutations === true) return breakEach(range)
  if (values.seed !== undefined) return replay(Number(values.seed), schedule ?? mutation?.schedule ?? CHANCE)
  if (name !== undefined && mutation !== undefined) return findFirst(name, mutation, range, schedule)
  // Not above: it loads parts of the product, in which no rule could be broken then.
  const { runMany } = await import('./simulate/run-many.ts')
  return runMany(range, schedule, values.json === true)
}
