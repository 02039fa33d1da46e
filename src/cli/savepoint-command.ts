/** `millrace savepoint <app> [--stop] [--to <uri>]` and `millrace cancel <app>`. */
import type { SavepointProgressed } from '../checkpoint/protocol/control-records.ts'
import { storageUri } from '../config/option-types.ts'
import { askJob } from '../runtime/savepoint/ask-job.ts'
import { roundedBytes } from '../service/log-fields.ts'
import type { CliEnvironment, OutputStream } from './cli-environment.ts'
import { type CommandLine, usageError } from './command-line.ts'
import { withJobLog } from './job-log.ts'

/** Throws MR_CLI_USAGE, MR_JOB_NOT_RUNNING, MR_JOB_BUSY, MR_SAVEPOINT_…, MR_CONFIG_…, MR_KAFKA_…, MR_CONTROL_LOG_… */
export async function savepointCommand(commandLine: CommandLine, environment: CliEnvironment): Promise<void> {
  const { values, switches } = commandLine
  const { stdout, stderr, clock } = environment
  const to = folderOf(values.get('to'))
  const isStop = switches.has('stop')
  await withJobLog(commandLine, environment, async ({ applicationId, follower }) => {
    const { savepoint } = await askJob({
      applicationId,
      follower,
      clock,
      draft: { type: 'savepoint-requested', to, isStop },
      onProgress: (progress) => show(stderr, progress),
    })
    if (savepoint === undefined) return
    const { uri, checkpoint, bytes, sha256 } = savepoint
    const isJson = switches.has('json') || stdout.isTTY !== true
    const facts = { applicationId, savepoint: uri, checkpoint, bytes, sha256, isStopped: isStop }
    stdout.write(isJson ? `${JSON.stringify(facts)}\n` : `${uri}\n`)
  })
}

/** Likewise. */
export async function cancelCommand(commandLine: CommandLine, environment: CliEnvironment): Promise<void> {
  const { switches } = commandLine
  const { stdout, clock } = environment
  await withJobLog(commandLine, environment, async ({ applicationId, follower }) => {
    const { stopped } = await askJob({ applicationId, follower, clock, draft: { type: 'cancel-requested' } })
    const isForgotten = stopped?.isForgotten === true
    const checkpoint = follower.view.restorePoint?.checkpoint ?? null
    const isJson = switches.has('json') || stdout.isTTY !== true
    const kept = isForgotten ? 'its checkpoints are deleted' : `it keeps its checkpoints, up to ${checkpoint}`
    stdout.write(
      isJson ? `${JSON.stringify({ applicationId, isForgotten, checkpoint })}\n` : `${applicationId} has stopped; ${kept}\n`,
    )
  })
}

/** The folder's own URI: the job may run elsewhere, with another working directory. */
function folderOf(text: string | undefined): string | null {
  if (text === undefined) return null
  const uri = storageUri.parse(text)
  if (uri === undefined) throw usageError(`--to is ${text}; expected ${storageUri.accepts.replaceAll('`', '')}`)
  return uri.replace(/\/+$/, '')
}

function show(stderr: OutputStream, { doneBytes, totalBytes }: SavepointProgressed): void {
  if (stderr.isTTY === true) stderr.write(`${roundedBytes(doneBytes)} of ${roundedBytes(totalBytes)}\n`)
}
