/** How a job ended that failed, as it told in its last log line. */
import assert from 'node:assert/strict'
import type { JobProcess } from '../support/job-process.ts'

export interface Failure {
  readonly code: string
  readonly message: string
  readonly remedy: string
  readonly details?: Readonly<Record<string, unknown>>
}

/** The job ends by itself with this code, exit code 1 (2 where the configuration is wrong), and says so on standard error. */
export async function failsWith(job: JobProcess, code: string, exitCode = 1): Promise<Failure> {
  const end = await job.ended
  const line = job.lines.find(({ event }) => event === 'job-failed')
  const failure = line?.error as Failure | undefined
  assert.equal(failure?.code, code, `the job fails with ${code}:\n${job.tail()}`)
  assert.deepEqual(end, { exitCode, signal: null }, job.tail())
  assert.ok(job.output.join('\n').includes(code), `standard error names ${code}:\n${job.tail()}`)
  assert.ok(failure.remedy.length > 0, 'the error has a remedy')
  return failure
}
