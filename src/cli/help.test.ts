import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OPTION_KEYS, optionOf } from '../config/config.ts'
import { environmentName } from '../config/option.ts'
import { testCli } from './cli-test-kit.ts'
import { main } from './main.ts'

async function output(...args: string[]) {
  const cli = testCli('/')
  return { code: await main(args, cli), out: cli.stdout.text, err: cli.stderr.text }
}

test('the help of run names every option with its default and its name in the environment', async () => {
  const { code, out } = await output('run', '--help')
  assert.equal(code, 0)
  for (const key of OPTION_KEYS) {
    const { name, type } = optionOf(key)
    assert.ok(out.includes(`\n  --${type.kind === 'boolean' ? '[no-]' : ''}${name}${type.kind === 'boolean' ? '' : ' '}`), name)
    assert.ok(out.includes(environmentName(name)), name)
  }
  assert.match(out, /\nCheckpoints:\n/)
  assert.match(out, /default: 10s · MILLRACE_CHECKPOINT_INTERVAL\n/)
  assert.match(out, /required · MILLRACE_BROKERS\n/)
})

test('no line of help is wider than the terminal', async () => {
  for (const command of ['run', 'checkpoints', 'status', 'rewind', 'plan', 'state']) {
    for (const line of (await output(command, '-h')).out.split('\n')) assert.ok(line.length <= 104, line)
  }
})

test('help, --help and -h say the same; checkpoints has only the options it reads', async () => {
  const { out } = await output('help', 'checkpoints')
  assert.equal((await output('checkpoints', '--help')).out, out)
  assert.ok(out.includes('--s3-endpoint') && out.includes('--brokers') && !out.includes('--restart-strategy'))
  assert.match((await output('--help')).out, /Usage:\n {2}millrace run/)
  assert.equal((await output('help', 'dance')).code, 2)
})

test('without a command the usage goes to standard error', async () => {
  const { code, out, err } = await output()
  assert.equal(code, 2)
  assert.equal(out, '')
  assert.match(err, /Usage:/)
})

test('--version is that of the package', async () => {
  const { version } = (await import('../../package.json', { with: { type: 'json' } })).default
  assert.equal((await output('--version')).out, `${version}\n`)
})
