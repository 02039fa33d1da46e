import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { mutations } from '../../src/testing/world/mutations.ts'
import type { SeedRange } from './seed-range.ts'

const SIMULATE = fileURLToPath(new URL('../simulate.ts', import.meta.url))
const LONGEST_LINE = 180

/** Every mutation, each in a process of its own: a source is loaded once. False: one was not found. */
export function breakEach({ from, seeds }: SeedRange): boolean {
  let isEachFound = true
  for (const [name, { without }] of Object.entries(mutations)) {
    const range = ['--from', String(from), ...(seeds === undefined ? [] : ['--seeds', String(seeds)])]
    const args = ['--conditions=millrace-source', SIMULATE, '--mutation', name, ...range]
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    isEachFound &&= status === 0
    const [said = ''] = (status === null || stdout === '' ? stderr : stdout).trim().split('\n').slice(-1)
    console.log(`${status === 0 ? '✔' : '✖'} without this: ${without}\n  ${said.slice(0, LONGEST_LINE)}`)
  }
  return isEachFound
}
