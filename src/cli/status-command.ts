/** `millrace status <app>`: what the control log says of a job, whether it runs or not. */
import { parseTaskKey, type TaskKey } from '../records/task-id.ts'
import type { CliEnvironment } from './cli-environment.ts'
import type { CommandLine } from './command-line.ts'
import { withJobLog } from './job-log.ts'
import { type JobPhase, type JobStatus, statusOf } from './job-status.ts'
import { tableText } from './table.ts'

/** Throws MR_CLI_USAGE, MR_CONFIG_…, MR_KAFKA_…, MR_CONTROL_LOG_… */
export async function statusCommand(commandLine: CommandLine, environment: CliEnvironment): Promise<void> {
  const { stdout } = environment
  const status = await withJobLog(commandLine, environment, async (log) => statusOf(log))
  const isJson = commandLine.switches.has('json') || stdout.isTTY !== true
  stdout.write(isJson ? `${JSON.stringify(status, null, 2)}\n` : statusText(status))
}

const PHASES: Readonly<Record<JobPhase, string>> = {
  'never-run': 'has never run',
  starting: 'starting',
  running: 'running, or all its copies were killed',
  stopped: 'stopped behind a final checkpoint',
  restarting: 'failed; a copy that is up starts it again',
  failed: 'failed for good, until a copy is started again',
}

function statusText(status: JobStatus): string {
  const { epoch, restorePoint, retained, pending } = status
  const facts: [name: string, value: string][] = [
    ['job', status.applicationId],
    ['state', PHASES[status.phase]],
  ]
  if (epoch !== null) {
    const claimed = epoch.claimedAt === null ? '' : `, claimed ${epoch.claimedAt}`
    facts.push(['epoch', `${epoch.number}${claimed}${epoch.startedAt === null ? '' : `, started ${epoch.startedAt}`}`])
    facts.push(['goes on', restorePoint === null ? 'at the beginning' : `from checkpoint ${restorePoint.checkpoint}`])
    facts.push(['retained', retained.length === 0 ? 'no checkpoint' : retained.join(', ')])
  }
  if (pending !== null) {
    const { checkpoint, kind, waitingFor } = pending
    const for_ = waitingFor.length === 0 ? 'acknowledged by all' : `waits for ${waitingFor.join(', ')}`
    facts.push(['pending', `checkpoint ${checkpoint}, ${kind}: ${for_}`])
  }
  const sections = [facts.map(([name, value]) => `${name.padEnd(12)}${value}\n`).join('')]
  if (status.workers.length > 0) sections.push(workersText(status))
  if (status.failures.length > 0) sections.push(failuresText(status))
  return sections.join('\n')
}

function workersText({ workers, phase }: JobStatus): string {
  const hasEnded = phase === 'stopped' || phase === 'failed'
  const hasStandby = workers.some(({ standby }) => standby.length > 0)
  return tableText(
    [
      { title: 'WORKER' },
      { title: 'STATE' },
      { title: 'TASKS', align: 'right' },
      { title: 'PARTITIONS' },
      ...(hasStandby ? [{ title: 'STANDBY' }] : []),
    ],
    workers.map((one) => [
      one.worker,
      hasEnded ? 'ended' : !one.isReady ? 'not ready' : one.isLagging ? 'lags' : 'ready',
      String(one.tasks.length),
      partitionsText(one.tasks),
      ...(hasStandby ? [standbyText(one)] : []),
    ]),
  )
}

/** `orders 1 3 at checkpoint 17`. */
function standbyText({ standby, standbyCheckpoint }: JobStatus['workers'][number]): string {
  if (standby.length === 0) return ''
  const at = standbyCheckpoint === null || standbyCheckpoint === 0 ? 'not whole yet' : `at checkpoint ${standbyCheckpoint}`
  return `${partitionsText(standby)} ${at}`
}

/** `orders 0 2 4, totals-by-key 1`. */
function partitionsText(tasks: readonly TaskKey[]): string {
  const byStage = Map.groupBy(tasks.map(parseTaskKey), ({ stage }) => stage)
  return [...byStage]
    .map(
      ([stage, of]) =>
        `${stage} ${of
          .map(({ partition }) => partition)
          .sort((a, b) => a - b)
          .join(' ')}`,
    )
    .join(', ')
}

function failuresText({ failures }: JobStatus): string {
  return tableText(
    [{ title: 'FAILED' }, { title: 'EPOCH', align: 'right' }, { title: 'WORKER' }, { title: 'CAUSE' }],
    failures.map(({ at, epoch, worker, code, cause }) => [at, String(epoch), worker, `${code}: ${cause.split('\n')[0]}`]),
  )
}
