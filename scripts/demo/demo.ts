/**
 * `npm run demo [-- --json]`: shows that a job counts exactly once although it is killed. Exit code 0 when every update
 * is there once, 1 when anything differs or fails, 130 on Ctrl-C. Leaves nothing behind.
 */
import { parseArgs } from 'node:util'
import { Cleanup } from './cleanup.ts'
import { reportOf } from './report.ts'
import { type DemoResult, runDemo } from './run-demo.ts'

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } })
const startedAtMs = performance.now()
const cleanup = new Cleanup()

/** With --json standard output is for the result alone. */
function tell(line: string): void {
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1).padStart(5)
  ;(values.json ? process.stderr : process.stdout).write(`${seconds} s  ${line}\n`)
}

let isInterrupted = false
const interrupted = new Promise<number>((resolve) => {
  // A second Ctrl-C changes nothing: what is left to do takes a moment, and no process outlives this one anyway.
  const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }
  for (const [signal, code] of Object.entries(codes)) {
    process.on(signal, () => {
      isInterrupted = true
      resolve(code)
    })
  }
})

async function run(): Promise<number> {
  if (!values.json) console.log('\nMillrace: 20,000 real flights, counted exactly once through a SIGKILL\n')
  let result: DemoResult
  try {
    result = await runDemo({ cleanup, tell })
  } catch (thrown) {
    // What fails now fails because its surroundings are being cleared away.
    if (isInterrupted) return await interrupted
    const { message } = thrown as Error
    if (values.json) console.log(JSON.stringify({ ok: false, error: message }))
    console.error(`\nThe demo failed: ${message}`)
    return 1
  }
  console.log(values.json ? JSON.stringify(result) : `\n${reportOf(result)}`)
  return result.ok ? 0 : 1
}

const exitCode = await Promise.race([run(), interrupted])
if (isInterrupted) tell('interrupted: cleaning up')
for (const failure of await cleanup.run()) console.error(failure)
process.exit(exitCode)
