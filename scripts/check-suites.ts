/** What needs no server: format, lint, types, import rules, unit tests. Stops at the first suite that fails. */
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { REPOSITORY, runProgram, runTests, type SuiteResult } from './suite.ts'

/** Folders with code of ours; the import rules and the unit tests look at all of it. */
const FOLDERS = ['src', 'connectors', 'itest', 'scripts', 'bench', 'examples']

const MINUTE_MS = 60_000

export async function runCheck(): Promise<SuiteResult[]> {
  const results: SuiteResult[] = []
  for (const suite of [runLint, runTypes, runImports, () => runUnit()]) {
    const result = await suite()
    results.push(result)
    if (result.failed > 0) break
  }
  return results
}

function runLint(): SuiteResult {
  return runProgram('format and lint', 'biome', [
    'ci',
    '--error-on-warnings',
    ...(process.stdout.isTTY ? [] : ['--colors=off']),
  ])
}

function runTypes(): SuiteResult {
  return runProgram('types', 'tsc', ['--noEmit'])
}

function runImports(): SuiteResult {
  return runProgram('import rules', 'depcruise', ['--config', '.dependency-cruiser.ts', ...existing()])
}

/** All of them, or those whose path contains `only`. */
export function runUnit(only = ''): Promise<SuiteResult> {
  const files = existing().flatMap((folder) => globSync(`${folder}/**/*.test.ts`, { cwd: REPOSITORY }))
  return runTests({
    name: 'unit tests',
    files: files.filter((file) => isUnitTest(file) && file.includes(only)).sort(),
    reporter: 'dot',
    concurrency: availableParallelism(),
    testTimeoutMs: 3 * MINUTE_MS,
    runTimeoutMs: 10 * MINUTE_MS,
  })
}

/** Everything below itest/ talks to real servers (itest-suites.ts). */
function isUnitTest(file: string): boolean {
  return !/(^|\/)(itest|node_modules|fixtures|dist)\//.test(file)
}

function existing(): string[] {
  return FOLDERS.filter((folder) => globSync(`${folder}/**/*.ts`, { cwd: REPOSITORY }).length > 0)
}
