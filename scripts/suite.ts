/** What `npm test` is made of: suites that run one after another, each of which ends as numbers. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestCounts } from './count-reporter.ts'

export const REPOSITORY = fileURLToPath(new URL('../', import.meta.url))

export interface SuiteResult {
  readonly name: string
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly seconds: number
}

/** A program that is right or wrong as a whole, such as the compiler: counts as one test. */
export function runProgram(name: string, program: string, args: readonly string[]): SuiteResult {
  const startedAt = performance.now()
  const { status, error } = spawnSync(join(REPOSITORY, 'node_modules', '.bin', program), args, {
    cwd: REPOSITORY,
    stdio: 'inherit',
  })
  if (error !== undefined) console.error(`${program} could not be started: ${error.message}`)
  const passed = status === 0 ? 1 : 0
  return { name, passed, failed: 1 - passed, skipped: 0, seconds: (performance.now() - startedAt) / 1000 }
}

export interface TestRun {
  readonly name: string
  readonly files: readonly string[]
  readonly reporter: 'dot' | 'spec'
  /** Files at a time. */
  readonly concurrency: number
  /** Of one test. */
  readonly testTimeoutMs: number
  /** Of the whole run, for what a test's own limit can't end: a file that never returns to the event loop. */
  readonly runTimeoutMs: number
  readonly env?: Readonly<Record<string, string>>
}

/** Runs test files with Node's own runner. No files and no tests count as a failure: a suite that is empty proves nothing. */
export async function runTests(run: TestRun): Promise<SuiteResult> {
  const startedAt = performance.now()
  const folder = mkdtempSync(join(tmpdir(), 'millrace-counts-'))
  const countsFile = join(folder, 'counts.json')
  const args = [
    '--conditions=millrace-source',
    // kafkajs asks for timers in the past; its connections work all the same.
    '--disable-warning=TimeoutNegativeWarning',
    '--test',
    `--test-concurrency=${run.concurrency}`,
    `--test-timeout=${run.testTimeoutMs}`,
    // A test that ran into its limit leaves timers and connections, which would keep its file alive for ever.
    '--test-force-exit',
    `--test-reporter=${run.reporter}`,
    '--test-reporter-destination=stdout',
    `--test-reporter=${fileURLToPath(new URL('count-reporter.ts', import.meta.url))}`,
    `--test-reporter-destination=${countsFile}`,
    ...run.files,
  ]
  const env = { ...process.env, ...run.env }
  // Set where tests run inside a test run: the inner runner would report to the outer one instead.
  delete env.NODE_TEST_CONTEXT
  const end =
    run.files.length === 0
      ? 'no test files'
      : await untilEnd(spawn(process.execPath, args, { cwd: REPOSITORY, stdio: 'inherit', env }), run)
  const counts = readCounts(countsFile)
  rmSync(folder, { recursive: true })
  if (end === 'interrupted') process.exit(1)
  let failed = counts.failed + counts.cancelled
  if (failed === 0 && (end !== 'ended with code 0' || counts.passed === 0)) {
    console.error(`${run.name}: ${end}, ${counts.passed} tests passed`)
    failed = 1
  }
  return {
    name: run.name,
    passed: counts.passed,
    failed,
    skipped: counts.skipped,
    seconds: (performance.now() - startedAt) / 1000,
  }
}

/**
 * How it ended. The runner ends its test processes, and their watchdogs their servers, so a signal to this process is
 * handed on, and nothing stays behind.
 */
async function untilEnd(runner: ChildProcess, { runTimeoutMs }: TestRun): Promise<string> {
  const signals = ['SIGINT', 'SIGTERM'] as const
  let why: string | undefined
  const endEarly = (reason: string) => {
    why = reason
    runner.kill('SIGTERM')
  }
  const interrupt = () => endEarly('interrupted')
  for (const signal of signals) process.on(signal, interrupt)
  const patience = setTimeout(() => endEarly(`did not end within ${runTimeoutMs / 1000} s`), runTimeoutMs)
  const [code] = await once(runner, 'exit')
  clearTimeout(patience)
  for (const signal of signals) process.off(signal, interrupt)
  return why ?? `ended with code ${code}`
}

function readCounts(file: string): TestCounts {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    // The runner was ended before it could write them.
    return { passed: 0, failed: 0, cancelled: 0, skipped: 0 }
  }
}

/** Prints a line for each suite and `N passed, N failed` as the last line, and sets this process's exit code. */
export function conclude(results: readonly SuiteResult[]): void {
  const width = Math.max(...results.map(({ name }) => name.length))
  console.log()
  for (const { name, passed, failed, skipped, seconds } of results) {
    const skips = skipped === 0 ? '' : `, ${skipped} skipped`
    console.log(
      `${failed === 0 ? '✔' : '✖'} ${name.padEnd(width)}  ${passed} passed, ${failed} failed${skips} (${seconds.toFixed(1)} s)`,
    )
  }
  const passed = results.reduce((sum, result) => sum + result.passed, 0)
  const failed = results.reduce((sum, result) => sum + result.failed, 0)
  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1
}
