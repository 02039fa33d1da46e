import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { testFolder } from './cli/cli-test-kit.ts'
import { type ProcessFacts, settledProcess } from './memory-settings.ts'

const facts = (changes: Partial<ProcessFacts> = {}): ProcessFacts => ({
  platform: 'linux',
  args: ['run', 'job.ts'],
  execArgs: ['--cpu-prof'],
  env: { HOME: '/root' },
  ...changes,
})

test('a job is run with memory that is given back, and what was asked for besides', () => {
  const settled = settledProcess(facts())
  assert.deepEqual(settled?.execArgs, ['--max-semi-space-size=8', '--cpu-prof'])
  assert.equal(settled?.env.HOME, '/root')
  assert.equal(settled?.env.MALLOC_ARENA_MAX, '2')
})

test('it is settled once', () => {
  const settled = settledProcess(facts())
  assert.equal(settledProcess(facts({ ...settled })), null)
})

test('nothing is settled that somebody has set, or where it means nothing', () => {
  assert.equal(settledProcess(facts({ platform: 'darwin' })), null)
  assert.equal(settledProcess(facts({ args: ['status', 'run'] })), null)
  assert.equal(settledProcess(facts({ env: { MALLOC_ARENA_MAX: '8' } })), null)
  assert.equal(settledProcess(facts({ env: { LD_PRELOAD: '/usr/lib/libjemalloc.so' } })), null)
  assert.equal(settledProcess(facts({ env: { NODE_CHANNEL_FD: '3' } })), null)
  const own = settledProcess(facts({ env: { NODE_OPTIONS: '--max-semi-space-size=64' } }))
  assert.deepEqual(own?.execArgs, ['--cpu-prof'])
})

const SETTINGS = new URL('./memory-settings.ts', import.meta.url).href
const ENTRY = `import { settleMemory } from ${JSON.stringify(SETTINGS)}
settleMemory()
const { pid, env, execArgv, argv } = process
console.log(JSON.stringify({ pid, arenas: env.MALLOC_ARENA_MAX, execArgv, args: argv.slice(2) }))
`

test('the process that runs a job has them, and is still the one that was started', {
  skip: process.platform !== 'linux' || typeof process.execve !== 'function',
}, async () => {
  const folder = await testFolder({ 'entry.ts': ENTRY })
  const env = { ...process.env, MALLOC_ARENA_MAX: undefined }
  const args = ['--no-warnings', join(folder, 'entry.ts'), 'run', 'job.ts']
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  assert.deepEqual(JSON.parse(await text(child.stdout)), {
    pid: child.pid,
    arenas: '2',
    execArgv: ['--max-semi-space-size=8', '--no-warnings'],
    args: ['run', 'job.ts'],
  })
})
