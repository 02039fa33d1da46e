/**
 * `npm test [-- --require docker]`: the check, then the integration tests with each provider this machine offers. The
 * docker route is left out where no engine answers, which is said, and is a failure when it is required.
 */
import { parseArgs } from 'node:util'
import { isEngineReachable } from '../itest/support/docker-engine.ts'
import { runCheck } from './check-suites.ts'
import { runItests } from './itest-suites.ts'
import { conclude, type SuiteResult } from './suite.ts'

const { values } = parseArgs({ options: { require: { type: 'string' } } })
if (values.require !== undefined && values.require !== 'docker') throw new Error('only docker can be required')

const results = await runCheck()
const notes: string[] = []
if (results.some(({ failed }) => failed > 0)) {
  notes.push('The integration tests were not run, because the check failed.')
} else {
  results.push(...(await runItests({ provider: 'native' })))
  results.push(...(await dockerRoute()))
}
for (const note of notes) console.log(`\n${note}`)
conclude(results)

async function dockerRoute(): Promise<SuiteResult[]> {
  if (await isEngineReachable()) return runItests({ provider: 'docker' })
  notes.push('No Docker engine answers, so the integration tests ran with the native provider only (see CONTRIBUTING.md).')
  if (values.require === undefined) return []
  return [{ name: 'integration tests, docker (required)', passed: 0, failed: 1, skipped: 0, seconds: 0 }]
}
