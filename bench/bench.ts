/** `npm run bench -- <work>`: measures Millrace, beside its peers where they are there. README.md says what and how. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { openBroker } from './broker.ts'
import type { Driver } from './driver.ts'
import { defaultEngines, type EngineChoice, engineById } from './engines.ts'
import { KitDriver } from './kit-driver.ts'
import type { Measurement } from './measurement.ts'
import { type BenchOptions, parseOptions, USAGE } from './options.ts'
import { measureCheckpoints } from './own/checkpoint-work.ts'
import { FAILOVER_NOTE, measureFailover } from './own/failover.ts'
import { IDLE_CHOICES, IDLE_NOTE, measureIdle } from './own/idle.ts'
import { OwnDriver } from './own/own-driver.ts'
import { measureSize } from './own/size-work.ts'
import { findPeerKit } from './peer-kit.ts'
import { productCommand } from './product.ts'
import { checkpointText, type Report, summarize, tableOf } from './report.ts'
import { sizeText } from './size-report.ts'

const RESULTS = fileURLToPath(new URL('results/', import.meta.url))

// What this process started is ended by the watchdog when it is gone, however it goes.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

if (process.argv.includes('--help') || process.argv.length === 2) {
  console.log(USAGE)
} else {
  const options = readOptions()
  const report = await bench(options)
  save(options, report)
  console.log(
    options.json
      ? JSON.stringify(report)
      : `\n${tableOf(report)}${checkpointText(report)}${(report.size ?? []).map(sizeText).join('')}`,
  )
  // A peer that fails is a remark; our own wrong output is a failure of the benchmark.
  const ours = report.rows.filter((row) => row.engine === 'millrace')
  process.exit(ours.every((row) => row.failedRuns === 0) ? 0 : 1)
}

function readOptions(): BenchOptions {
  try {
    return parseOptions(process.argv.slice(2))
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`)
    process.exit(2)
  }
}

async function bench(options: BenchOptions): Promise<Report> {
  const { work } = options
  const wanted = (options.engines ?? defaultEngines(work, options.keys)).map(engineById)
  const product = productCommand(options)
  // The costs of checkpoints are no other engine's business.
  const kit = work === 'checkpoint' || work === 'idle' ? { missing: '' } : await findPeerKit(options.peersFolder)
  const engines = 'missing' in kit ? wanted.filter((engine) => engine.kitName === null) : wanted
  const notes = 'missing' in kit && kit.missing !== '' ? [`${kit.missing}: no ratios`] : []
  if (engines.length === 0) throw new Error(`nothing can be measured: ${notes.join()}`)
  const broker = await openBroker(options.brokers)
  try {
    const setting = { bootstrap: broker.bootstrap, brokerPid: broker.pid, product }
    if (work === 'checkpoint') return await checkpointReport(options, engines, setting)
    if (work === 'idle') {
      const measured = await measureInTurns((choice) => measureIdle(setting, choice, options), IDLE_CHOICES, options)
      return summarize(work, title(options), measured, [IDLE_NOTE])
    }
    const kitFolder = 'missing' in kit ? null : kit.folder
    if (work === 'size') return await sizeReport(options, engines, { ...setting, kitFolder })
    if (work === 'failover') {
      const measure = (engine: EngineChoice) => measureFailover({ ...setting, kitFolder }, engine, options)
      return summarize(work, title(options), await measureInTurns(measure, engines, options), [FAILOVER_NOTE, ...notes])
    }
    const driver: Driver = 'missing' in kit ? new OwnDriver(setting) : new KitDriver(kit.folder, broker, product)
    const runs = await measureInTurns((engine) => driver.measure({ engine, options }), engines, options)
    return summarize(work, title(options), runs, [`measured by ${driver.description}`, ...notes])
  } finally {
    await broker.close()
  }
}

/** In turns, so that a slow hour of the machine is slow for all of them. */
async function measureInTurns<Choice extends EngineChoice>(
  measure: (engine: Choice) => Promise<Measurement>,
  engines: readonly Choice[],
  options: BenchOptions,
) {
  const measured = engines.map((engine) => ({ engine, runs: [] as Measurement[] }))
  for (let repetition = 1; repetition <= options.repetitions; repetition++) {
    for (const { engine, runs } of measured) {
      const run = await measure(engine)
      runs.push(run)
      tell(`${engine.id} ${repetition}/${options.repetitions}: ${run.isRight ? '' : `NOT RIGHT: ${run.problem} `}${brief(run)}`)
    }
  }
  return measured
}

async function checkpointReport(
  options: BenchOptions,
  engines: readonly EngineChoice[],
  setting: Parameters<typeof measureCheckpoints>[0],
): Promise<Report> {
  const measured = []
  let checkpoint: Report['checkpoint']
  for (const engine of engines) {
    const costs = await measureCheckpoints(setting, engine, options)
    if (!costs.isRight) tell(`${engine.id}: NOT RIGHT: ${costs.problem}`)
    checkpoint ??= costs.details
    measured.push({ engine, runs: [costs] })
  }
  const report = summarize(options.work, title(options), measured)
  return checkpoint === undefined ? report : { ...report, checkpoint }
}

async function sizeReport(
  options: BenchOptions,
  engines: readonly EngineChoice[],
  setting: Parameters<typeof measureSize>[0],
): Promise<Report> {
  const measured = []
  const size = []
  for (const engine of engines) {
    const costs = await measureSize(setting, engine, options)
    if (!costs.isRight) tell(`${engine.id}: NOT RIGHT: ${costs.problem}`)
    size.push(costs.details)
    measured.push({ engine, runs: [costs] })
  }
  return { ...summarize(options.work, title(options), measured), size }
}

function title({ work, records, keys, intervalMs, rate, killAt, rekey }: BenchOptions): string {
  const common = `${keys} keys, interval ${intervalMs} ms${rekey ? ', re-keyed' : ''}`
  switch (work) {
    case 'w1':
      return `w1: ${records} records, ${common}`
    case 'latency':
      return `latency: ${rate} records/s, ${common}`
    case 'failover':
      return `failover: ${rate} records/s, ${common}`
    case 'recovery':
      return `recovery: ${records} records, SIGKILL at ${killAt} of the output, ${common}`
    case 'idle':
      return `idle: interval ${intervalMs} ms`
    case 'size':
      return `size: ${common}, ${rate} records/s`
    case 'checkpoint':
      return `checkpoint: ${common}, around ${rate} records/s`
  }
}

function brief({ values }: Measurement): string {
  const shown = [
    'recordsPerSecond',
    'cpuSecondsPerMillion',
    'peakRssMb',
    'p50Ms',
    'p99Ms',
    'recoveryMs',
    'foreignCores',
  ] as const
  return shown
    .flatMap((name) => (values[name] === undefined ? [] : `${name} ${Math.round(values[name] * 100) / 100}`))
    .join(', ')
}

function save(options: BenchOptions, report: Report): void {
  mkdirSync(RESULTS, { recursive: true })
  const time = new Date().toISOString().replaceAll(/[:.]/g, '-')
  writeFileSync(`${RESULTS}${time}-${options.work}.json`, `${JSON.stringify({ options, ...report }, null, 1)}\n`)
}

function tell(line: string): void {
  process.stderr.write(`[bench] ${line}\n`)
}
