/** `millrace rewind <app> --to-checkpoint M` (R7 of docs/protocol.md). */
import { MillraceError } from '../common/errors.ts'
import { appendOne } from '../runtime/log-follower.ts'
import type { CliEnvironment } from './cli-environment.ts'
import { type CommandLine, usageError } from './command-line.ts'
import { withJobLog } from './job-log.ts'

/** A job that begins an epoch at this very moment makes the record void; twice in a row is unheard of. */
const ATTEMPTS = 10

/** Throws MR_CLI_USAGE, MR_CLI_NOT_RETAINED, MR_CONFIG_…, MR_KAFKA_…, MR_CONTROL_LOG_… */
export async function rewindCommand(commandLine: CommandLine, environment: CliEnvironment): Promise<void> {
  const { values } = commandLine
  const text = values.get('to-checkpoint')
  if (text === undefined) throw usageError('expected --to-checkpoint <number>')
  if (!/^\d+$/.test(text)) throw usageError(`--to-checkpoint is ${text}; expected the number of a checkpoint`)
  const checkpoint = Number(text)
  await withJobLog(commandLine, environment, async ({ applicationId, follower }) => {
    const { view } = follower
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const kept = view.retained.map((one) => one.checkpoint)
      if (!kept.includes(checkpoint)) throw notRetained(applicationId, checkpoint, kept)
      const given = kept.filter((one) => one > checkpoint)
      // Nobody acts on a decision before reading it back, and this one only counts in the epoch that it names.
      if (await appendOne(follower, { type: 'restored-to', epoch: view.epoch, checkpoint })) {
        environment.stdout.write(
          `${applicationId} goes on from checkpoint ${checkpoint}${given.length === 0 ? '' : `; given up: ${given.join(', ')}`}\n`,
        )
        return
      }
    }
    throw new MillraceError('MR_SUPERSEDED', `${applicationId} began a new epoch at each of ${ATTEMPTS} attempts`)
  })
}

function notRetained(applicationId: string, checkpoint: number, kept: readonly number[]): MillraceError {
  const others = kept.length === 0 ? 'it has none' : `it has ${kept.join(', ')}`
  return new MillraceError('MR_CLI_NOT_RETAINED', `${applicationId} can't go back to checkpoint ${checkpoint}: ${others}`)
}
