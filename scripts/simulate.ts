/**
 * `npm run simulate -- [--seeds 500] [--from 1]`: the product in simulated worlds, one a seed. `--seed S` runs one again,
 * exactly, and writes its trace to a file. Exit 1 on any violation. `--mutation R22` breaks a rule of the protocol first, and
 * stops at the first seed that shows it.
 */
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { applyMutation } from '../src/testing/world/mutate.ts'
import { mutations } from '../src/testing/world/mutations.ts'
import { REPOSITORY } from './suite.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    from: { type: 'string' },
    seed: { type: 'string' },
    mutation: { type: 'string' },
  },
})
if (values.mutation !== undefined) {
  const mutation = mutations[values.mutation]
  if (mutation === undefined) throw new Error(`mutations are ${Object.keys(mutations).join(', ')}`)
  applyMutation(mutation, REPOSITORY)
}
const { runSeed } = await import('../src/testing/world/run-seed.ts')
let current = 0
process.on('unhandledRejection', (reason) => {
  console.error(`seed ${current}: a rejection that nobody handles`, reason)
  process.exit(1)
})

if (values.seed === undefined) await runMany(Number(values.from ?? 1), Number(values.seeds ?? 500))
else await replay(Number(values.seed))

async function runMany(from: number, count: number): Promise<void> {
  const startMs = performance.now()
  let failures = 0
  for (current = from; current < from + count; current++) {
    const wrong = await runOne(current)
    if (wrong === undefined) continue
    failures++
    console.log(`seed ${current}: ${wrong}`)
    if (values.mutation !== undefined) break
  }
  const seconds = (performance.now() - startMs) / 1_000
  console.log(`${count} seeds, ${failures} with violations, ${(count / seconds).toFixed(1)} seeds a second`)
  if (failures > 0) process.exitCode = 1
}

async function runOne(seed: number): Promise<string | undefined> {
  try {
    return (await runSeed(seed)).wrong
  } catch (error) {
    return String(error instanceof Error ? error.stack : error)
  }
}

async function replay(seed: number): Promise<void> {
  current = seed
  const { wrong, digest, events, simulatedMs, world } = await runSeed(seed, { keepTrace: true })
  const file = join(tmpdir(), `millrace-seed-${seed}.txt`)
  writeFileSync(file, `${world.simulation.trace.lines.join('\n')}\n`)
  console.log(`seed ${seed}: ${wrong ?? 'nothing wrong'}`)
  console.log(`${events} events in ${Math.round(simulatedMs)} simulated ms, digest ${digest}, trace in ${file}`)
  if (wrong !== undefined) process.exitCode = 1
}
