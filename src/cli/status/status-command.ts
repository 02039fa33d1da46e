/**
 * `millrace status <app>`: what the control log says of a job, whether it runs or not; what its last checkpoint holds, where
 * the storage is told; and what its copies tell of themselves, where their addresses are.
 */
import { decodeMetadata } from '../../checkpoint/metadata.ts'
import { type StateFactors, stateFactors, storedState } from '../../checkpoint/stored-state.ts'
import { isMillraceError } from '../../common/errors.ts'
import { loadLayers } from '../../config/load-layers.ts'
import { resolveConfig } from '../../config/resolve.ts'
import { parseTaskKey, type TaskKey } from '../../records/task-id.ts'
import { roundedBytes } from '../../service/log-fields.ts'
import { type CliEnvironment, STORAGE_OPTION_KEYS } from '../cli-environment.ts'
import { type CommandLine, SWITCHES } from '../command-line.ts'
import { liveText } from '../factor-text.ts'
import { withJobLog } from '../job-log.ts'
import { metricsUrls } from '../plan/plan-values.ts'
import { tableText } from '../table.ts'
import { type JobPhase, type JobStatus, statusOf } from './job-status.ts'
import { type LiveStatus, liveStatusOf } from './live-status.ts'
import { copiesText, planFacts } from './live-text.ts'

/** Throws MR_CLI_USAGE, MR_CONFIG_…, MR_KAFKA_…, MR_CONTROL_LOG_… */
export async function statusCommand(commandLine: CommandLine, environment: CliEnvironment): Promise<void> {
  const { stdout } = environment
  const urls = metricsUrls(commandLine.values)
  const logged = await withJobLog(commandLine, environment, async (log) => statusOf(log))
  const [stored, live] = await Promise.all([
    storedOf(logged, commandLine, environment),
    urls === undefined ? null : liveStatusOf(logged.applicationId, urls),
  ])
  const status = { ...logged, stored, live }
  const isJson = commandLine.switches.has('json') || stdout.isTTY !== true
  stdout.write(isJson ? `${JSON.stringify(status, null, 2)}\n` : statusText(status))
}

/** What the command writes as JSON. */
export interface ShownStatus extends JobStatus {
  /** Of the checkpoint that the job goes on from; null: there is none, or no `checkpoints` option tells where. */
  readonly stored: StoredStatus | UnreadableStatus | null
  /** Null without `--metrics`. */
  readonly live: LiveStatus | null
}

interface StoredStatus extends StateFactors {
  readonly checkpoint: number
  readonly liveEntries: number
  readonly liveBytes: number
}

interface UnreadableStatus {
  readonly error: { readonly code: string; readonly message: string }
}

/** A storage that doesn't answer doesn't hide what the log says. */
async function storedOf(
  { restorePoint }: JobStatus,
  { flags }: CommandLine,
  { env, directory, openStorage }: CliEnvironment,
): Promise<ShownStatus['stored']> {
  const layers = await loadLayers({ flags, otherFlags: SWITCHES, environment: env, directory })
  if (restorePoint === null || !layers.some((layer) => layer.has('checkpoints'))) return null
  const { checkpoint, path, sha256 } = restorePoint
  try {
    const storage = await openStorage(resolveConfig(layers, STORAGE_OPTION_KEYS).config)
    try {
      const state = storedState(decodeMetadata(await storage.get(path), path, sha256))
      return { checkpoint, liveEntries: state.liveEntries, liveBytes: state.liveBytes, ...stateFactors(state) }
    } finally {
      await storage.close()
    }
  } catch (error) {
    if (!isMillraceError(error)) throw error
    return { error: { code: error.code, message: error.message } }
  }
}

const PHASES: Readonly<Record<JobPhase, string>> = {
  'never-run': 'has never run',
  starting: 'starting',
  running: 'running, or all its copies were killed',
  stopped: 'stopped behind a final checkpoint',
  restarting: 'failed; a copy that is up starts it again',
  failed: 'failed for good, until a copy is started again',
}

function statusText(status: ShownStatus): string {
  const { epoch, restorePoint, retained, pending, lastSavepoint, stored, live } = status
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
  if (lastSavepoint !== null) {
    const { checkpoint, uri, bytes, at } = lastSavepoint
    facts.push(['savepoint', `of checkpoint ${checkpoint}, ${roundedBytes(bytes)}${at === null ? '' : `, ${at}`}: ${uri}`])
  }
  if (stored !== null) facts.push(['holds', storedText(stored)])
  if (live !== null && live.plan !== null) facts.push(...planFacts(live.plan))
  const sections = [facts.map(([name, value]) => `${name.padEnd(12)}${value}\n`).join('')]
  if (status.workers.length > 0) sections.push(workersText(status))
  if (live !== null) sections.push(copiesText(live))
  if (status.failures.length > 0) sections.push(failuresText(status))
  return sections.join('\n')
}

function storedText(stored: StoredStatus | UnreadableStatus): string {
  if ('error' in stored) return `${stored.error.code}: ${stored.error.message}`
  return `${stored.liveEntries.toLocaleString('en')} entries, ${liveText(stored)}`
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
