/**
 * `millrace plan`: the capacity and interval advisor, from a running job (`--metrics`), from the checkpoints of an app, or
 * from flags alone. Flags win over what is measured.
 */
import type { Config } from '../../config/config.ts'
import type { OptionLayer } from '../../config/layers.ts'
import { loadLayers } from '../../config/load-layers.ts'
import { resolveConfig } from '../../config/resolve.ts'
import {
  type FigureName,
  missingFigures,
  type SomeFigures,
  settleFigures,
  updatesPerSecond,
} from '../../planning/job-figures.ts'
import { planWorkerMemory } from '../../planning/memory/initial-shares.ts'
import { makePlan } from '../../planning/plan.ts'
import type { PlanSettings } from '../../planning/plan-settings.ts'
import { type CliEnvironment, PLAN_OPTION_KEYS, STORAGE_OPTION_KEYS } from '../cli-environment.ts'
import { applicationIdOf, type CommandLine, SWITCHES, usageError } from '../command-line.ts'
import { PLAN_FLAG_NAMES, type PlanFlagName, planFlag } from './plan-flags.ts'
import { type MeasuredJob, measureRunning, measureStored } from './plan-measured.ts'
import { planText } from './plan-text.ts'
import { type PlanValues, planValues, urlsOf } from './plan-values.ts'

const DEFAULT_KEY_BYTES = 16
/** Of an entry in a segment, beside key and value: flags, lengths and their share of the block's header (docs/formats.md). */
const FRAMING_BYTES = 4
/** The broker's default of transaction.max.timeout.ms, which `auto` takes. */
const BROKER_LIMIT_MS = 15 * 60 * 1_000

const NOT_MEASURED: MeasuredJob = { figures: {}, intervalMs: undefined, workers: undefined, stored: [] }

/** Throws MR_CLI_USAGE, MR_CLI_NOT_MEASURED, MR_CLI_NO_CHECKPOINT, MR_CONFIG_…, MR_STORAGE_…, MR_CHECKPOINT_… */
export async function planCommand(commandLine: CommandLine, environment: CliEnvironment): Promise<void> {
  const { stdout, env, directory } = environment
  const values = planValues(commandLine.values)
  const layers = await loadLayers({ flags: commandLine.flags, otherFlags: SWITCHES, environment: env, directory })
  const measured = await measure(commandLine, environment, values, layers)
  const settings = settingsOf(layers, measured, values)
  const given = givenFigures(values, measured, settings)
  const missing = missingFigures({ ...measured.figures, ...given })
  if (missing.length > 0) {
    throw usageError(
      'expected an application id with --checkpoints, --metrics <url>, or at least --keys and --value-bytes (or --entry-bytes)',
    )
  }
  const plan = makePlan(settleFigures(given, measured.figures, settings.workers), settings, measured.stored)
  const isJson = commandLine.switches.has('json') || stdout.isTTY !== true
  stdout.write(isJson ? `${JSON.stringify({ settings, ...plan }, null, 2)}\n` : planText(plan, settings))
}

async function measure(
  { operands }: CommandLine,
  { openStorage }: CliEnvironment,
  values: PlanValues,
  layers: readonly OptionLayer[],
): Promise<MeasuredJob> {
  const [applicationId, ...rest] = operands
  if (rest.length > 0) throw usageError(`unexpected ${rest.join(' ')} behind the application id`)
  const urls = urlsOf(values)
  if (urls !== undefined) {
    if (applicationId !== undefined) throw usageError('expected either an application id or --metrics')
    return measureRunning(urls)
  }
  if (applicationId === undefined) return NOT_MEASURED
  const wanted = applicationIdOf(applicationId)
  const storage = await openStorage(resolveConfig(layers, STORAGE_OPTION_KEYS).config)
  try {
    return await measureStored(storage, wanted)
  } finally {
    await storage.close()
  }
}

function givenFigures(values: PlanValues, measured: MeasuredJob, { intervalMs }: PlanSettings): SomeFigures {
  const given: { -readonly [K in FigureName]?: number } = {}
  for (const name of PLAN_FLAG_NAMES) {
    const { figure } = planFlag(name)
    const value = values.get(name)
    if (figure !== undefined && value !== undefined) given[figure] = Number(value)
  }
  const number = (name: PlanFlagName) => (values.has(name) ? Number(values.get(name)) : undefined)
  const valueBytes = number('value-bytes')
  if (valueBytes !== undefined) given.entryBytes ??= (number('key-bytes') ?? DEFAULT_KEY_BYTES) + valueBytes + FRAMING_BYTES
  const changed = number('changed-keys')
  const entries = given.entries ?? measured.figures.entries
  if (changed !== undefined && entries !== undefined) given.updatesPerSecond ??= updatesPerSecond(entries, changed, intervalMs)
  return given
}

/** Of one worker. Of a memory budget what it begins with: shares move. */
function cacheBytesOf(config: Pick<Config, 'stateCacheBytes' | 'memoryBudget' | 'workers' | 'stateBackend'>): number {
  if (config.memoryBudget === 0) return config.stateCacheBytes
  const { shares } = planWorkerMemory(config)
  return (shares.get('cache') ?? 0) + (shares.get('overlay') ?? 0)
}

function settingsOf(layers: readonly OptionLayer[], measured: MeasuredJob, values: PlanValues): PlanSettings {
  const { config, origins } = resolveConfig(layers, PLAN_OPTION_KEYS)
  // Apart from the others: together they would be refused where a transaction is too long, of which the plan warns.
  const { delivery } = resolveConfig(layers, ['delivery', 'checkpointMode']).config
  const chosen = <T>(key: 'checkpointIntervalMs' | 'workers', otherwise: T, seen: T | undefined) =>
    origins[key].kind === 'default' ? (seen ?? otherwise) : otherwise
  const workers = chosen('workers', config.workers, measured.workers)
  const perGbMonth = values.get('price-gb-month')
  return {
    intervalMs: chosen('checkpointIntervalMs', config.checkpointIntervalMs, measured.intervalMs),
    intervalMaxMs: config.checkpointIntervalMaxMs || null,
    timeoutMs: config.checkpointTimeoutMs,
    tolerableFailures: config.checkpointTolerableFailures,
    transactionTimeoutMs: delivery === 'exactly-once' ? config.transactionTimeoutMs || BROKER_LIMIT_MS : null,
    retained: config.checkpointsRetained,
    workers,
    sessionTimeoutMs: config.sessionTimeoutMs,
    cacheBytes: workers * cacheBytesOf(config),
    recoveryTargetMs: config.recoveryTargetMs === 0 ? null : config.recoveryTargetMs,
    prices:
      perGbMonth === undefined
        ? null
        : { perGbMonth: Number(perGbMonth), perThousandPuts: Number(values.get('price-thousand-puts') ?? 0) },
  }
}
