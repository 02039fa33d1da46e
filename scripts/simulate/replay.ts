import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runTraced } from './run-one.ts'

/** Runs a seed once more and writes its trace. False: something is wrong. */
export async function replay(seed: number, schedule: string): Promise<boolean> {
  const { wrong, digest, events, simulatedMs, world } = await runTraced(seed, schedule)
  const file = join(tmpdir(), `millrace-seed-${seed}.txt`)
  writeFileSync(file, `${world.simulation.trace.lines.join('\n')}\n`)
  console.log(`seed ${seed}: ${wrong ?? 'nothing wrong'}`)
  console.log(`${events} events in ${Math.round(simulatedMs)} simulated ms, digest ${digest}, trace in ${file}`)
  return wrong === undefined
}
