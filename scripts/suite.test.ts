import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, mock, test } from 'node:test'
import { runTests, type SuiteResult } from './suite.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-suite-'))
after(() => rmSync(folder, { recursive: true }))

function run(source: string): Promise<SuiteResult> {
  const file = join(folder, `case-${Math.random().toString(36).slice(2)}.test.mjs`)
  writeFileSync(file, `import { describe, test } from 'node:test'\n${source}`)
  return runFiles([file])
}

async function runFiles(files: string[]): Promise<SuiteResult> {
  const complaint = mock.method(console, 'error', () => undefined)
  try {
    return await runTests({ name: 'case', files, reporter: 'dot', concurrency: 1, testTimeoutMs: 500, runTimeoutMs: 3_000 })
  } finally {
    complaint.mock.restore()
  }
}

describe('running a suite of tests', () => {
  test('counts tests, not the groups they stand in', async () => {
    const { passed, failed, skipped } = await run(
      `describe('group', () => { test('one', () => {}); test('two', () => {}); test.skip('three') })`,
    )
    assert.deepEqual({ passed, failed, skipped }, { passed: 2, failed: 0, skipped: 1 })
  })

  test('counts a failure, and a test that never ends', async () => {
    const { passed, failed } = await run(
      `test('good', () => {}); test('bad', () => { throw new Error() }); test('endless', () => new Promise(() => setInterval(() => {}, 99)))`,
    )
    assert.deepEqual({ passed, failed }, { passed: 1, failed: 2 })
  })

  test('fails for a file that cannot be loaded', async () => assert.equal((await run('import "./absent.mjs"')).failed, 1))

  test('fails for a file that never comes to an end', async () => assert.equal((await run('for (;;);')).failed, 1))

  test('fails when there is nothing to run', async () => assert.equal((await runFiles([])).failed, 1))

  test('fails when every test is skipped', async () => assert.equal((await run(`test.skip('one')`)).failed, 1))
})
