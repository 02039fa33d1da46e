import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

test('a record finds its way through the worker without a broker', () => {
  const program = fileURLToPath(new URL('pipeline.ts', import.meta.url))
  const { stdout, stderr, status } = spawnSync(process.execPath, [program, '2000', '100'], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  assert.match(stdout, /^2000 records, 100 keys: \d+ ns CPU a record/)
})
