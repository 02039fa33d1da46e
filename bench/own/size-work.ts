/**
 * State far beyond memory, with Millrace or with a peer of the kit: the same driver, the same topics.
 *
 *  1. Every key once, in no order, at full speed. Words are long, so that the state is large.
 *  2. `secs` of a steady rate that changes 1 % of the keys in each interval.
 *  3. SIGKILL, local state deleted, start: all of it comes from the checkpoints. SIGKILL, start: with the local state.
 *
 * The live bytes are those of the checkpoint behind the load, where each key has been written once. The topics are trimmed
 * behind what is accounted for, so the disk holds little but the state.
 */
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { S3Server } from '../../itest/support/server-types.ts'
import { startS3 } from '../../itest/support/servers.ts'
import { type EngineChoice, heapOf } from '../engines.ts'
import { known, type Measurement } from '../measurement.ts'
import type { BenchOptions } from '../options.ts'
import { median } from '../report.ts'
import type { LoadPart, SizeCosts, StartAgain, SteadyCheckpoint } from '../size-costs.ts'
import type { EngineProcess } from './engine-process.ts'
import type { KitSetting } from './failover.ts'
import { OwnRun } from './own-run.ts'
import { percentile } from './percentile.ts'
import { CheckpointWatch } from './size-watch.ts'
import { type InputWriter, PARTITIONS } from './topics.ts'
import { Totals } from './totals.ts'
import { Workload } from './workload.ts'

const PHASE_TIMEOUT_MS = 3_600_000
const CHUNK_RECORDS = 250_000
const AHEAD_RECORDS = 1_000_000
const LOAD_PARTS = 10
const STEADY_SLICE_SECONDS = 5
/** Deleted records leave the disk soon: the defaults are minutes. */
const TOPIC_CONFIGS = { 'segment.bytes': String(64 << 20), 'file.delete.delay.ms': '1000', 'compression.type': 'producer' }

export async function measureSize(
  setting: KitSetting,
  engine: EngineChoice,
  options: BenchOptions,
): Promise<Measurement & { readonly details: SizeCosts }> {
  const { keys, rate, wordBytes } = options
  const s3 = engine.onS3 === true ? await startS3() : undefined
  const run = await OwnRun.open(...settingOf(setting, engine, keys, s3), options, { topicConfigs: TOPIC_CONFIGS })
  const watch = new CheckpointWatch(run, engine, storageFolder(run, engine, s3))
  try {
    const writer = await run.topics.writer(run.input)
    const expected = new Totals(keys)
    const everyKey = new Workload(keys, 'shuffled-once', wordBytes)
    const onLine = (line: string) => watch.take(line)
    const first = run.startEngine({ onLine })
    watch.start()

    const parts: LoadPart[] = []
    for (let part = 0, from = 0; part < LOAD_PARTS; part++) {
      const to = Math.round((keys * (part + 1)) / LOAD_PARTS)
      const startMs = performance.now()
      await feed(run, writer, everyKey, from, to)
      const peakRssMb = peakOf(first)
      parts.push({ keys: to, recordsPerSecond: Math.round(((to - from) * 1000) / (performance.now() - startMs)), peakRssMb })
      tell(`${to} keys, ${parts.at(-1)?.recordsPerSecond} records/s, ${Math.round(peakRssMb)} MB`)
      from = to
    }
    expected.add(everyKey, 0, keys)
    await run.untilAccounted(keys, PHASE_TIMEOUT_MS)
    await watch.untilQuiet()
    const live = await watch.chainBytes()
    const liveBytes = live ?? (await watch.storedBytes())

    const workload = new Workload(keys, 'random', wordBytes)
    const steadyFromMs = Date.now()
    const cpuBefore = run.cpuSeconds()
    await watch.beginSteady(liveBytes)
    let records = await feedSteadily(run, writer, workload, options)
    expected.add(workload, keys, records)
    const sent = records - keys
    const steadyMs = Date.now() - steadyFromMs
    const steadyCpu = run.cpuSeconds() - cpuBefore
    const steadyPeak = peakOf(first)
    const { checkpoints, storageFactors, restoreFactors } = watch.endSteady()

    const starts: StartAgain[] = []
    for (const from of ['checkpoints', 'local state'] as const) {
      starts.push(await startAgain(run, writer, workload, records, from))
      expected.add(workload, records, records + PARTITIONS)
      records += PARTITIONS
      tell(`started from ${from}: ${JSON.stringify(starts.at(-1))}`)
    }
    writer.close()
    await watch.stop()
    const pauses = watch.pausesMs.sort((left, right) => left - right)
    const of = (value: (checkpoint: SteadyCheckpoint) => number | undefined) =>
      median(checkpoints.flatMap((checkpoint) => value(checkpoint) ?? []))
    const values = known({
      records,
      recordsPerSecond: Math.round((keys * 1000) / parts.reduce((sum, part) => sum + 1000 * partSeconds(part, parts), 0)),
      checkpoints: watch.count,
      checkpointMs: of(({ durationMs }) => durationMs),
      checkpointKb: of(({ bytes }) => bytes / 1024),
      pauseP50Ms: percentile(pauses, 0.5),
      pauseP99Ms: percentile(pauses, 0.99),
      pauseMaxMs: pauses.at(-1),
      restoreMs: starts[0]?.restoreMs ?? starts[0]?.firstOutputMs,
      restoreLocalMs: starts[1]?.restoreMs ?? starts[1]?.firstOutputMs,
      cpuSecondsPerMillion: (steadyCpu * 1e6) / sent,
      peakRssMb: Math.max(steadyPeak, ...parts.map((part) => part.peakRssMb), ...starts.map((start) => start.peakRssMb)),
      foreignCores: run.foreignCores(),
    })
    const details: SizeCosts = {
      engine: engine.id,
      keys,
      wordBytes,
      liveBytes,
      isLiveExact: live !== undefined,
      load: parts,
      steady: { rate, seconds: steadyMs / 1000, peakRssMb: steadyPeak, checkpoints, storageFactors, restoreFactors },
      starts,
    }
    return { ...run.verdict(expected, records, values), details }
  } finally {
    await watch.stop()
    await run.close()
    await s3?.close()
  }
}

/** A peer by the kit's command, in place of ours. */
function settingOf(
  setting: KitSetting,
  engine: EngineChoice,
  keys: number,
  s3: S3Server | undefined,
): [KitSetting, EngineChoice] {
  if (s3 !== undefined) {
    const env = {
      MILLRACE_CHECKPOINTS: `s3://${s3.bucket}/bench`,
      MILLRACE_S3_ENDPOINT: s3.endpoint,
      MILLRACE_S3_REGION: s3.region,
      MILLRACE_S3_PATH_STYLE: 'true',
      MILLRACE_S3_ACCESS_KEY_ID: s3.accessKeyId,
      MILLRACE_S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
    }
    return [setting, { ...engine, env }]
  }
  if (engine.kitName === null) return [setting, engine]
  const product = [join(setting.kitFolder ?? '', 'engine.sh'), engine.kitName]
  return [
    { ...setting, product },
    { ...engine, env: { ...engine.env, JOB: 'w1', ENGINE_HEAP: heapOf(keys) } },
  ]
}

/** Where what it stores lies as files. */
function storageFolder(run: OwnRun, engine: EngineChoice, s3: S3Server | undefined): string {
  if (engine.kitName !== null) return join(run.folder, 'cp')
  if (s3 === undefined) return join(run.folder, 'checkpoints')
  if (s3.dataDir === undefined) throw new Error('this S3 server keeps no files that could be measured')
  return join(s3.dataDir, s3.bucket, 'bench')
}

function partSeconds(part: LoadPart, parts: readonly LoadPart[]): number {
  const before = parts[parts.indexOf(part) - 1]?.keys ?? 0
  return (part.keys - before) / part.recordsPerSecond
}

/** Records [from, to), so far ahead of the output that a commit is never waited for. */
async function feed(run: OwnRun, writer: InputWriter, workload: Workload, from: number, to: number): Promise<void> {
  for (let at = from; at < to; ) {
    const end = Math.min(to, at + CHUNK_RECORDS)
    await writer.fill(workload, at, end)
    at = end
    await run.untilAccounted(at - AHEAD_RECORDS, PHASE_TIMEOUT_MS)
    await trim(run)
  }
}

/** At `rate` for `seconds`; returns the number of the record behind the last. */
async function feedSteadily(run: OwnRun, writer: InputWriter, workload: Workload, options: BenchOptions): Promise<number> {
  const { keys, rate, seconds } = options
  let record = keys
  for (let left = seconds; left > 0; left -= STEADY_SLICE_SECONDS) {
    const slice = Math.min(left, STEADY_SLICE_SECONDS)
    await writer.pace(workload, record, rate, slice)
    record += Math.round(rate * slice)
    await run.scanOutput()
    await trim(run)
  }
  await run.untilAccounted(record, PHASE_TIMEOUT_MS)
  return record
}

/** Of the output what is read, of the input what nobody needs any more. */
async function trim(run: OwnRun): Promise<void> {
  await run.topics.trim(run.input, run.inputDone())
  await run.topics.trim(run.output, run.readPositions())
}

async function startAgain(
  run: OwnRun,
  writer: InputWriter,
  workload: Workload,
  records: number,
  from: StartAgain['from'],
): Promise<StartAgain> {
  await run.killEngine()
  if (from === 'checkpoints') await forgetLocalState(run)
  const engine = run.startEngine({ env: { RESTORE: '1' } })
  // Something to do for each partition is likely, for one it is certain.
  await writer.fill(workload, records, records + PARTITIONS)
  await run.untilAccounted(records + PARTITIONS, PHASE_TIMEOUT_MS)
  const firstRecordMs = Math.round((engine.firstRecordAtMs ?? Number.NaN) - engine.startedAtMs)
  const firstOutputMs = Math.round(performance.now() - engine.startedAtMs)
  const restored = engine.events.find(({ event }) => event === 'restored')
  return {
    from,
    firstRecordMs,
    firstOutputMs,
    ...(restored === undefined ? {} : { restoreMs: Number(restored.durationMs), fetchedBytes: Number(restored.fetchedBytes) }),
    peakRssMb: engine.peakRssMb(),
  }
}

/** The state alone. Who the worker was in the group stays: otherwise the start would wait for its session to end. */
async function forgetLocalState(run: OwnRun): Promise<void> {
  const folder = join(run.stateDirectory, run.applicationId)
  const names = await readdir(folder).catch(() => [])
  for (const name of names) await rm(join(folder, name, 'db'), { recursive: true, force: true })
}

function peakOf(engine: EngineProcess): number {
  const peak = engine.peakRssMb()
  engine.forgetPeakRss()
  return peak
}

function tell(line: string): void {
  process.stderr.write(`[bench] ${line}\n`)
}
