/** `millrace checkpoints history <app>`: what became of the job's last checkpoints, and why some were not completed. */
import type { PastCheckpoint } from '../../checkpoint/protocol/checkpoint-history.ts'
import { roundedDuration } from '../../service/log-fields.ts'
import type { CliEnvironment } from '../cli-environment.ts'
import type { CommandLine } from '../command-line.ts'
import { withJobLog } from '../job-log.ts'
import { tableText } from '../table.ts'

/** Newest first. Throws MR_CLI_USAGE, MR_CONFIG_…, MR_KAFKA_…, MR_CONTROL_LOG_… */
export async function checkpointHistoryCommand(commandLine: CommandLine, environment: CliEnvironment): Promise<void> {
  const { stdout } = environment
  const history = await withJobLog(commandLine, environment, async ({ follower }) => follower.view.history.toReversed())
  const isJson = commandLine.switches.has('json') || stdout.isTTY !== true
  stdout.write(isJson ? `${JSON.stringify(history, null, 2)}\n` : historyText(history))
}

function historyText(history: readonly PastCheckpoint[]): string {
  if (history.length === 0) return 'the control log tells of no checkpoint\n'
  return tableText(
    [
      { title: 'CHECKPOINT', align: 'right' },
      { title: 'EPOCH', align: 'right' },
      { title: 'KIND' },
      { title: 'TRIGGERED' },
      { title: 'TOOK', align: 'right' },
      { title: 'OUTCOME' },
      { title: 'CAUSE' },
    ],
    history.map((one) => [
      String(one.checkpoint),
      String(one.epoch),
      one.kind,
      one.triggeredAt ?? '',
      tookText(one),
      one.reason === null ? one.outcome : `${one.outcome}: ${one.reason}`,
      one.cause?.split('\n')[0] ?? '',
    ]),
  )
}

function tookText({ triggeredAt, decidedAt }: PastCheckpoint): string {
  if (triggeredAt === null || decidedAt === null) return ''
  return roundedDuration(Math.max(0, Date.parse(decidedAt) - Date.parse(triggeredAt)))
}
