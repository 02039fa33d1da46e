/**
 * The integration tests: every *.itest.ts and *.test.ts below itest/. With the native provider all of them run; with the docker
 * provider those that itest/docker-route.json names, which together use every kind of server in every way there is.
 */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ProviderName } from '../itest/support/server-types.ts'
import { REPOSITORY, runTests, type SuiteResult } from './suite.ts'

const MINUTE_MS = 60_000

export interface ItestOptions {
  readonly provider: ProviderName
  /** Only files whose path contains this. */
  readonly only?: string | undefined
  /** Every file, even those that the docker route leaves out. */
  readonly all?: boolean | undefined
  /** Files at a time, one by default: each starts servers of its own. */
  readonly concurrency?: number | undefined
}

export function runItests(options: ItestOptions): Promise<SuiteResult> {
  const { provider, only } = options
  const name = `integration tests, ${provider}${only === undefined ? '' : `, only ${only}`}`
  const everything = only !== undefined || options.all === true
  const files = itestFiles(provider === 'docker' && !everything).filter((file) => only === undefined || file.includes(only))
  console.log(`\n${name}: ${files.length} files`)
  return runTests({
    name,
    files,
    reporter: 'spec',
    concurrency: options.concurrency ?? 1,
    testTimeoutMs: 15 * MINUTE_MS,
    runTimeoutMs: 40 * MINUTE_MS,
    env: { MILLRACE_ITEST_PROVIDER: provider },
  })
}

function itestFiles(dockerRouteOnly: boolean): string[] {
  const files = globSync('itest/**/*.{itest,test}.ts', { cwd: REPOSITORY }).sort()
  if (!dockerRouteOnly) return files
  const chosen: string[] = JSON.parse(readFileSync(join(REPOSITORY, 'itest', 'docker-route.json'), 'utf8'))
  const missing = chosen.filter((file) => !files.includes(file))
  if (missing.length > 0) throw new Error(`itest/docker-route.json names files that do not exist: ${missing.join(', ')}`)
  return chosen
}
