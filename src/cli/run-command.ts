/** `millrace run <job file>`: from the command line to a running job, and to its end. */

import { toError } from '../common/errors.ts'
import type { Logger } from '../common/logger.ts'
import { layerOfJob } from '../config/layers.ts'
import { loadLayers } from '../config/load-layers.ts'
import { describeConfig, resolveConfig } from '../config/resolve.ts'
import type { Resolved } from '../config/resolved.ts'
import { errorText } from '../service/error-text.ts'
import { GatheredMetrics } from '../service/gathered-metrics.ts'
import { Health } from '../service/health.ts'
import { startHttpServer } from '../service/http-server.ts'
import { createLog } from '../service/logging.ts'
import { addProcessMetrics, addThreadMetrics } from '../service/process-metrics.ts'
import { type CliEnvironment, isColoured, type JobEnd, type RunningJob, type StartContext } from './cli-environment.ts'
import { type CommandLine, SWITCHES, usageError } from './command-line.ts'
import { exitCodeOf } from './exit-code.ts'
import { loadJob } from './load-job.ts'
import { listenForStop, type StopSignals } from './stop-signals.ts'
import { packageVersion } from './version.ts'

const INTERRUPTED = 130

/** The exit code. Throws what is wrong before the job starts: MR_CLI_USAGE, MR_CONFIG_…, MR_JOB_…, MR_METRICS_… */
export async function runCommand({ flags, operands, switches }: CommandLine, environment: CliEnvironment): Promise<number> {
  const { directory, stdout } = environment
  const layers = await loadLayers({ flags, otherFlags: SWITCHES, environment: environment.env, directory })
  const [file, ...rest] = operands
  if (file === undefined) throw usageError('expected a job file: millrace run <job file>')
  if (rest.length > 0) throw usageError(`unexpected ${rest.join(' ')} behind the job file`)
  if (switches.has('json')) throw usageError('--json is for millrace checkpoints; did you mean --log-format json?')

  const job = await loadJob(file, directory)
  const resolved = resolveConfig([...layers, layerOfJob(job.options), layerOfJob({ appId: job.name })])
  const { config, origins } = resolved
  const log = createLog({
    stream: stdout,
    format: config.logFormat,
    level: config.logLevel,
    colour: isColoured(stdout, environment.env),
    clock: environment.clock,
  })
  const { logger } = log

  const signals = listenForStop(environment.signals, environment.clock)
  const metrics = new GatheredMetrics()
  const health = new Health(config.appId, environment.clock)
  addProcessMetrics(metrics)
  const stopThreadMetrics = addThreadMetrics(metrics)
  logger.info('job-starting', {
    app: config.appId,
    file,
    version: packageVersion(),
    pid: process.pid,
    ...changedOptions(resolved),
  })
  const server =
    config.metricsPort === 0
      ? undefined
      : await startHttpServer({
          host: config.metricsHost,
          port: config.metricsPort,
          mayMove: origins.metricsPort.kind === 'default',
          metrics,
          health,
          logger,
        })
  try {
    const end = await runToEnd({ job, file, directory, resolved, log, logger, metrics, health }, environment, signals)
    if (end === 'interrupted') return INTERRUPTED
    return report(end, { logger, health, environment, isText: config.logFormat !== 'json' })
  } finally {
    signals.dispose()
    stopThreadMetrics()
    await server?.close()
  }
}

/** What was set, as people wrote it, secrets hidden: half of every question about a job is answered by it. */
function changedOptions(resolved: Resolved): { options?: Record<string, string> } {
  const changed = describeConfig(resolved).filter(({ name, origin }) => origin.kind !== 'default' && name !== 'app-id')
  return changed.length === 0 ? {} : { options: Object.fromEntries(changed.map(({ name, value }) => [name, value])) }
}

async function runToEnd(
  context: StartContext,
  environment: CliEnvironment,
  signals: StopSignals,
): Promise<JobEnd | 'interrupted'> {
  const { logger } = context
  const ended = environment.startJob(context).then(async (running: RunningJob) => {
    const stopping = signals.stop.then((signal) => {
      logger.info('job-stopping', { reason: signal })
      return running.stop(signal)
    })
    // A stop that fails ends the run; one that succeeds leaves the word to `done`.
    return Promise.race([running.done, stopping.then(() => running.done)])
  })
  const interrupted = signals.insist.then(() => 'interrupted' as const)
  try {
    return await Promise.race([ended, interrupted])
  } catch (thrown) {
    return { ok: false, error: toError(thrown) }
  }
}

interface Ending {
  readonly logger: Logger
  readonly health: Health
  readonly environment: CliEnvironment
  readonly isText: boolean
}

/** A failure stands in the log, and on standard error unless both are the same screen. */
function report(end: JobEnd, { logger, health, environment: { stdout, stderr, env }, isText }: Ending): number {
  if (end.ok) {
    health.enter('stopped')
    logger.info('job-stopped')
    return 0
  }
  health.fail(end.error)
  logger.error('job-failed', { error: end.error })
  const isSameScreen = isText && stdout.isTTY === true && stderr.isTTY === true
  if (!isSameScreen) stderr.write(`${errorText(end.error, { colour: isColoured(stderr, env) })}\n`)
  return exitCodeOf(end.error)
}
