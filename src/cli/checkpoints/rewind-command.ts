/** `millrace rewind <app> --to-checkpoint M` (R7 of docs/protocol.md). */
import { MillraceError } from '../../common/errors.ts'
import { rewindTo } from '../../runtime/rewind.ts'
import type { CliEnvironment } from '../cli-environment.ts'
import { type CommandLine, usageError } from '../command-line.ts'
import { withJobLog } from '../job-log.ts'

/** Throws MR_CLI_USAGE, MR_CLI_NOT_RETAINED, MR_CONFIG_…, MR_KAFKA_…, MR_CONTROL_LOG_… */
export async function rewindCommand(commandLine: CommandLine, environment: CliEnvironment): Promise<void> {
  const { values } = commandLine
  const text = values.get('to-checkpoint')
  if (text === undefined) throw usageError('expected --to-checkpoint <number>')
  if (!/^\d+$/.test(text)) throw usageError(`--to-checkpoint is ${text}; expected the number of a checkpoint`)
  const checkpoint = Number(text)
  await withJobLog(commandLine, environment, async ({ applicationId, follower }) => {
    const rewind = await rewindTo(follower, checkpoint)
    if (rewind.kind === 'not-retained') throw notRetained(applicationId, checkpoint, rewind.retained)
    const { givenUp } = rewind
    environment.stdout.write(
      `${applicationId} goes on from checkpoint ${checkpoint}${givenUp.length === 0 ? '' : `; given up: ${givenUp.join(', ')}`}\n`,
    )
  })
}

function notRetained(applicationId: string, checkpoint: number, kept: readonly number[]): MillraceError {
  const others = kept.length === 0 ? 'it has none' : `it has ${kept.join(', ')}`
  return new MillraceError('MR_CLI_NOT_RETAINED', `${applicationId} can't go back to checkpoint ${checkpoint}: ${others}`)
}
