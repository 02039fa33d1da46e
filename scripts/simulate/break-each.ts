import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { mutations } from '../../src/testing/world/mutations.ts'
import type { SeedRange } from './seed-range.ts'

const SIMULATE = fileURLToPath(new URL('../simulate.ts', import.meta.url))
/** What findFirst says. */
const FOUND = /^\S+: found by (\S+) at seed (\d+): (.*)/m
const WIDTHS = { name: 10, schedule: 24, seed: 5, wrong: 120 }

/** Every mutation, each in a process of its own: a source is loaded once. Prints a table. False: one was not found. */
export function breakEach({ from, seeds }: SeedRange): boolean {
  let isEachFound = true
  printRow('rule', 'found by', 'seed', 'what was found')
  for (const name of Object.keys(mutations)) {
    const range = ['--from', String(from), ...(seeds === undefined ? [] : ['--seeds', String(seeds)])]
    const args = ['--conditions=millrace-source', SIMULATE, '--mutation', name, ...range]
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    const [, schedule, seed, wrong] = FOUND.exec(stdout) ?? []
    if (status === 0 && schedule !== undefined && seed !== undefined && wrong !== undefined) {
      printRow(name, schedule, seed, wrong)
      continue
    }
    isEachFound = false
    printRow(name, '-', '-', `${stdout}${stderr}`.trim())
  }
  return isEachFound
}

function printRow(name: string, schedule: string, seed: string, wrong: string): void {
  const { name: nameWidth, schedule: scheduleWidth, seed: seedWidth, wrong: wrongWidth } = WIDTHS
  const cells = [name.padEnd(nameWidth), schedule.padEnd(scheduleWidth), seed.padStart(seedWidth), wrong.slice(0, wrongWidth)]
  console.log(cells.join(' '))
}
