/** How a job ended that failed. */
import assert from 'node:assert/strict'
import type { JobProcess } from '../support/job-process.ts'

export interface Failure {
  readonly code: string
  readonly message: string
  readonly remedy: string
}

/**
 * The job ends by itself with this error: on standard error as people read it, with its meaning for the data and its
 * remedy, and as its last log line unless nothing had begun yet. Exit code 1, or 2 where the configuration is wrong.
 */
export async function failsWith(job: JobProcess, code: string, exitCode = 1): Promise<Failure> {
  const end = await job.end()
  const report = job.output.join('\n')
  const [, told, message = ''] = /^(MR_\w+): (.*)/m.exec(report) ?? []
  assert.equal(told, code, `the job fails with ${code}:\n${job.tail()}`)
  assert.deepEqual(end, { exitCode, signal: null }, job.tail())
  const [, remedy] = /^ {2}data: {3}\S.*\n {2}remedy: (\S.*)/m.exec(report) ?? []
  assert.ok(remedy !== undefined, `the effect on the data and a remedy are told:\n${report}`)
  const last = job.lines.at(-1)
  if (last !== undefined) {
    assert.equal(last.event, 'job-failed', job.tail())
    assert.equal((last.error as { code?: unknown }).code, code)
  }
  return { code, message, remedy }
}

/** What the log's last line says of the end of a job that failed by itself: exit code 1. */
export async function lastLineOf(job: JobProcess): Promise<{ readonly code: string; readonly message: string }> {
  const line = await job.line(({ event }) => event === 'job-failed')
  assert.deepEqual(await job.end(), { exitCode: 1, signal: null })
  const { code, message } = line.error as { code: string; message: string }
  assert.ok(job.output.join('\n').includes(message), `standard error tells it too:\n${job.tail()}`)
  return { code, message }
}
