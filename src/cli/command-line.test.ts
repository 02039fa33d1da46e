import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMillraceError } from '../common/errors.ts'
import { parseCommandLine } from './command-line.ts'

test('command, operands, flags and switches are told apart, in any order', () => {
  const parsed = parseCommandLine(['run', '--brokers', 'a:1', 'job.ts', '--delivery=at-least-once', '--kafka-tls', '-h'])
  assert.equal(parsed.command, 'run')
  assert.deepEqual(parsed.operands, ['job.ts'])
  assert.deepEqual(parsed.flags, [
    { name: 'brokers', value: 'a:1' },
    { name: 'delivery', value: 'at-least-once' },
    { name: 'kafka-tls', value: true },
  ])
  assert.deepEqual([...parsed.switches], ['help'])
})

test('a boolean may be denied or given a value', () => {
  assert.deepEqual(parseCommandLine(['--no-kafka-tls']).flags, [{ name: 'kafka-tls', value: false }])
  assert.deepEqual(parseCommandLine(['--kafka-tls=false']).flags, [{ name: 'kafka-tls', value: 'false' }])
})

test('a value may begin with a dash when it stands behind an equals sign', () => {
  assert.deepEqual(parseCommandLine(['--s3-access-key-id=--odd']).flags, [{ name: 's3-access-key-id', value: '--odd' }])
})

test('a flag without its value is refused', () => {
  for (const args of [
    ['run', 'a.ts', '--brokers'],
    ['run', '--brokers', '--checkpoints', 'file:c'],
  ]) {
    assert.throws(
      () => parseCommandLine(args),
      (error: unknown) => isMillraceError(error, 'MR_CLI_USAGE') && /--brokers needs a value/.test(error.message),
    )
  }
})

test('an unknown command is refused with a proposal', () => {
  assert.throws(() => parseCommandLine(['checkpoint', 'list']), /unknown command checkpoint; did you mean checkpoints\?/)
  assert.throws(() => parseCommandLine(['orders.job.ts']), /did you mean millrace run orders\.job\.ts\?/)
  assert.throws(() => parseCommandLine(['frobnicate']), /unknown command frobnicate$/)
})
