import assert from 'node:assert/strict'
import { test } from 'node:test'
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
