/**
 * Breaks one rule of docs/protocol.md after another, in a process of its own, and sees the directed test of that rule
 * fail, for the right reason. That these tests pass on the product as it is, the suite shows by running them.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { DirectedProof } from './directed-proof.ts'
import { directedProofs } from './directed-proofs.ts'

const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url))

/** Far beyond what one takes; a broken rule may also show in a test that comes to no end. */
const TIMEOUT_MS = 60_000
/** Of all, on a machine that has other things to do as well. */
const WHOLE_TIMEOUT_MS = 8 * 60_000

describe('a broken rule is noticed', { concurrency: availableParallelism(), timeout: WHOLE_TIMEOUT_MS }, () => {
  for (const proof of directedProofs) {
    test(`${proof.id}: without this, ${proof.without}`, async () => {
      const { output, code } = await runBroken(proof)
      assert.match(output, /^# tests 1$/m, `one test has the name "${proof.test.name}" in ${proof.test.file}\n${output}`)
      assert.match(output, /^# fail 1$/m, `the test passes though the rule is broken\n${output}`)
      assert.match(output, proof.fails, 'it fails for another reason')
      assert.notEqual(code, 0)
    })
  }
})

test('each has a name of its own, and stands in the table of docs/protocol.md', () => {
  const ids = directedProofs.map(({ id }) => id)
  assert.equal(new Set(ids).size, ids.length)
  const table = readFileSync(join(REPOSITORY, 'docs/protocol.md'), 'utf8')
  for (const { id, rule, test: directed } of directedProofs) {
    assert.ok(id === rule || id.startsWith(`${rule} `), `${id} begins with its rule`)
    const row = table.split('\n').find((line) => line.startsWith(`| ${rule} |`))
    assert.ok(row?.includes(directed.file.split('/').at(-1) ?? ''), `the row of ${rule} names ${directed.file}`)
  }
})

interface Run {
  readonly output: string
  readonly code: number | string | null | undefined
}

function runBroken({ id, test: { file, name } }: DirectedProof): Promise<Run> {
  const pattern = `^${name.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')}$`
  const args = [
    '--conditions=millrace-source',
    '--disable-warning=TimeoutNegativeWarning',
    `--import=${fileURLToPath(new URL('break-rule.ts', import.meta.url))}`,
    '--test-reporter=tap',
    '--test-force-exit',
    `--test-timeout=${TIMEOUT_MS / 2}`,
    `--test-name-pattern=${pattern}`,
    file,
  ]
  const env: NodeJS.ProcessEnv = { ...process.env, MILLRACE_BROKEN_RULE: id }
  // Set where tests run inside a test run: it would report to the outer one.
  delete env.NODE_TEST_CONTEXT
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: REPOSITORY, env, timeout: TIMEOUT_MS }, (error, stdout, stderr) =>
      resolve({ output: stdout + stderr, code: error === null ? 0 : error.code }),
    )
  })
}
