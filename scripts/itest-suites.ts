/**
 * The integration tests: every *.itest.ts and *.test.ts below itest/. With the native provider all of them run; with the docker
 * provider those that itest/docker-route.json names, which together use every kind of server in every way there is.
 */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ProviderName } from '../itest/support/server-types.ts'
import { REPOSITORY, runTests, type SuiteResult } from './suite.ts'

const MINUTE_MS = 60_000
/** Many processes under load: they get the machine for themselves. */
const ALONE = 'itest/scale/'
/** Each starts servers of its own, and mostly waits for them. Containers are few and take the machine. */
const AT_A_TIME = { native: 2, docker: 1 } as const

export interface ItestOptions {
  readonly provider: ProviderName
  /** Only files whose path contains this. */
  readonly only?: string | undefined
  /** Every file, even those that the docker route leaves out. */
  readonly all?: boolean | undefined
  /** Files at a time. Default: two of those that bear it. */
  readonly concurrency?: number | undefined
}

export async function runItests(options: ItestOptions): Promise<SuiteResult[]> {
  const { provider, only, concurrency } = options
  const everything = only !== undefined || options.all === true
  const files = itestFiles(provider === 'docker' && !everything).filter((file) => only === undefined || file.includes(only))
  const alone = concurrency === undefined ? files.filter((file) => file.startsWith(ALONE)) : []
  const others = files.filter((file) => !alone.includes(file))
  const results: SuiteResult[] = []
  const run = async (how: string, some: readonly string[], atATime: number) => {
    const name = `integration tests, ${provider}${how}${only === undefined ? '' : `, only ${only}`}`
    console.log(`\n${name}: ${some.length} files`)
    results.push(
      await runTests({
        name,
        files: some,
        reporter: 'spec',
        concurrency: atATime,
        testTimeoutMs: 15 * MINUTE_MS,
        runTimeoutMs: 40 * MINUTE_MS,
        env: { MILLRACE_ITEST_PROVIDER: provider },
      }),
    )
  }
  if (others.length > 0 || alone.length === 0) await run('', others, concurrency ?? AT_A_TIME[provider])
  if (alone.length > 0) await run(', of scale', alone, 1)
  return results
}

function itestFiles(dockerRouteOnly: boolean): string[] {
  const files = globSync('itest/**/*.{itest,test}.ts', { cwd: REPOSITORY }).sort()
  if (!dockerRouteOnly) return files
  const chosen: string[] = JSON.parse(readFileSync(join(REPOSITORY, 'itest', 'docker-route.json'), 'utf8'))
  const missing = chosen.filter((file) => !files.includes(file))
  if (missing.length > 0) throw new Error(`itest/docker-route.json names files that do not exist: ${missing.join(', ')}`)
  return chosen
}
