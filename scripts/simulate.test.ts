/** The simulator must notice a broken rule: each is broken, and found within few seeds. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { mutations } from '../src/testing/world/mutations.ts'
import { schedules } from '../src/testing/world/schedules.ts'
import { REPOSITORY } from './suite.ts'

/** Most are found in the first; a change of anything makes other seeds of them. */
const SEEDS = 60
const TIMEOUT_MS = 120_000

describe('a broken rule is found by the simulator', { concurrency: availableParallelism() }, () => {
  for (const [name, { without }] of Object.entries(mutations)) {
    test(`${name}: without this, ${without}`, async () => {
      const { code, output } = await simulate('--mutation', name, '--seeds', String(SEEDS))
      assert.match(output, new RegExp(`^${name}: found by `, 'm'))
      assert.equal(code, 0)
    })
  }

  test('and it says so where one is not', async () => {
    const { code, output } = await simulate('--mutation', 'R13', '--schedule', 'output-refused', '--seeds', '1')
    assert.match(output, /^R13: NOT found by output-refused in 1 seeds from 1 on/m)
    assert.equal(code, 1)
  })
})

test('each stands in the table of docs/protocol.md, with its schedule, which there is', () => {
  const table = readFileSync(join(REPOSITORY, 'docs/protocol.md'), 'utf8').split('\n')
  for (const [name, { rule, schedule = 'chance' }] of Object.entries(mutations)) {
    assert.ok(name === rule || name.startsWith(`${rule}-`), `${name} begins with its rule`)
    assert.ok(schedule === 'chance' || schedules.some((one) => one.name === schedule), `there is a schedule ${schedule}`)
    assert.ok(
      table.some((line) => line.startsWith(`| ${rule} |`) && line.includes(schedule)),
      `the row of ${rule} names ${schedule}`,
    )
  }
})

function simulate(...args: string[]): Promise<{ code: number | string | null | undefined; output: string }> {
  const all = ['--conditions=millrace-source', join(REPOSITORY, 'scripts/simulate.ts'), ...args]
  return new Promise((resolve) => {
    execFile(process.execPath, all, { cwd: REPOSITORY, timeout: TIMEOUT_MS }, (error, stdout, stderr) =>
      resolve({ output: stdout + stderr, code: error === null ? 0 : error.code }),
    )
  })
}
