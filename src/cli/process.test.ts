/** The command line as a real process: signals, exit codes and what arrives in a pipe. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { jobFile, testFolder } from './cli-test-kit.ts'

const MAIN = new URL('./main.ts', import.meta.url).href
const CLOCK = new URL('../common/clock.ts', import.meta.url).href
const ENTRY = `
import { main } from ${JSON.stringify(MAIN)}
import { systemClock } from ${JSON.stringify(CLOCK)}
const startJob = async ({ logger }) => {
  const busy = setInterval(() => {}, 1_000)
  const { promise, resolve } = Promise.withResolvers()
  logger.info('working')
  return {
    done: promise,
    stop: async () => {
      if (process.env.STUBBORN) return
      for (let i = 0; i < 500; i++) logger.info('line', { i, padding: 'x'.repeat(200) })
      clearInterval(busy)
      resolve({ ok: true })
    },
  }
}
const { env, stdout, stderr } = process
const code = await main(process.argv.slice(2), { env: {}, directory: process.cwd(), stdout, stderr, signals: process, clock: systemClock, startJob, openStorage: () => {} })
process.exit(code)
`
const folder = await testFolder({ 'job.ts': jobFile(), 'entry.ts': ENTRY })

function start(env: Record<string, string> = {}): ChildProcess {
  const args = [
    join(folder, 'entry.ts'),
    'run',
    'job.ts',
    '--brokers',
    'a:1',
    '--checkpoints',
    'file:c',
    '--metrics-port',
    'off',
  ]
  return spawn(process.execPath, args, { cwd: folder, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Resolves when the job works; collects on. */
async function untilWorking(child: ChildProcess): Promise<() => string> {
  let out = ''
  await new Promise<void>((resolve) => {
    child.stdout?.on('data', (chunk) => {
      out += chunk
      if (out.includes('"working"')) resolve()
    })
  })
  return () => out
}

test('SIGTERM ends the process with 0, and not one line is lost in the pipe', async () => {
  const child = start()
  const out = await untilWorking(child)
  child.kill('SIGTERM')
  const [code] = await once(child, 'close')
  assert.equal(code, 0)
  const lines = out()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    lines.filter(({ event }) => event === 'line').map(({ i }) => i),
    Array.from({ length: 500 }, (_, i) => i),
  )
  assert.equal(lines.at(-1).event, 'job-stopped')
})

test('SIGINT twice ends a stubborn job with 130', async () => {
  const child = start({ STUBBORN: '1' })
  const out = await untilWorking(child)
  child.kill('SIGINT')
  while (!out().includes('job-stopping')) await new Promise((resolve) => setTimeout(resolve, 20))
  await new Promise((resolve) => setTimeout(resolve, 400))
  child.kill('SIGINT')
  const [code] = await once(child, 'close')
  assert.equal(code, 130)
})

test('a reader that goes away does not take the job with it', async () => {
  const child = start()
  await untilWorking(child)
  child.stdout?.destroy()
  const stderr = child.stderr === null ? '' : text(child.stderr)
  child.kill('SIGTERM')
  const [code] = await once(child, 'exit')
  assert.equal(code, 0)
  assert.equal(await stderr, '')
})
