/**
 * What checkpoints cost, Millrace alone: how long each cut holds up processing, how many bytes it writes for how many
 * changed keys, and how long it takes to have the state back.
 *
 *  1. Every key once, at full speed: the state has all its keys then.
 *  2. Three rates, a third of the time each: a tenth of `rate`, `rate`, five times `rate`. Each interval changes about so many keys.
 *  3. SIGKILL, the local state deleted, start: all of it comes from the checkpoints. SIGKILL, start: the local state is used.
 *
 * Pauses and sizes are those of the job's own control log, where each worker's manifest says them.
 */
import { rm } from 'node:fs/promises'
import { decodeControlRecord } from '../../src/checkpoint/protocol/control-records.ts'
import type { EngineChoice } from '../engines.ts'
import { type CheckpointCosts, known, type Measurement, type PhaseCosts, type Restore } from '../measurement.ts'
import type { BenchOptions } from '../options.ts'
import { median } from '../report.ts'
import { OwnRun, type OwnSetting } from './own-run.ts'
import { percentile } from './percentile.ts'
import { Totals } from './totals.ts'
import { Workload } from './workload.ts'

const LOAD_TIMEOUT_MS = 600_000
const RATE_FACTORS = [0.1, 1, 5]

interface Checkpoint {
  readonly atMs: number
  readonly pauseMs: number
  readonly changedKeys: number
  readonly bytes: number
}

export async function measureCheckpoints(
  setting: OwnSetting,
  engine: EngineChoice,
  options: BenchOptions,
): Promise<Measurement & { readonly details: CheckpointCosts }> {
  const { keys, rate, seconds } = options
  const run = await OwnRun.open(setting, engine, options)
  try {
    const writer = await run.topics.writer(run.input)
    const expected = new Totals(keys)
    const everyKey = new Workload(keys, 'each-once')
    await writer.fill(everyKey, 0, keys)
    expected.add(everyKey, 0, keys)
    run.startEngine()
    await run.untilAccounted(keys, LOAD_TIMEOUT_MS)

    const workload = new Workload(keys)
    const borders = [{ phase: 'load', fromMs: 0, toMs: Date.now() }]
    let records = keys
    for (const factor of RATE_FACTORS) {
      const phaseRate = Math.round(rate * factor)
      const phaseSeconds = seconds / RATE_FACTORS.length
      const sent = Math.round(phaseRate * phaseSeconds)
      const fromMs = Date.now()
      await writer.pace(workload, records, phaseRate, phaseSeconds)
      borders.push({ phase: `${phaseRate} records/s`, fromMs: fromMs + options.intervalMs * 2, toMs: Date.now() })
      expected.add(workload, records, records + sent)
      records += sent
      await run.untilAccounted(records, LOAD_TIMEOUT_MS)
    }
    writer.close()
    const checkpoints = await checkpointsOf(run)
    const peakRssMb = run.peakRssMb()
    const restores = [await restore(run, keys, 'checkpoints'), await restore(run, keys, 'local state')]
    await run.scanOutput()
    const pauses = checkpoints.map(({ pauseMs }) => pauseMs).sort((left, right) => left - right)
    const phases = borders.map(({ phase, fromMs, toMs }) =>
      costsOf(
        phase,
        checkpoints.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs),
      ),
    )
    const values = known({
      records,
      checkpoints: checkpoints.length,
      pauseP50Ms: percentile(pauses, 0.5),
      pauseP99Ms: percentile(pauses, 0.99),
      pauseMaxMs: pauses.at(-1),
      restoreMs: restores[0]?.restoreMs,
      restoreLocalMs: restores[1]?.restoreMs,
      peakRssMb,
      foreignCores: run.foreignCores(),
    })
    return { ...run.verdict(expected, records, values), details: { phases, restores } }
  } finally {
    await run.close()
  }
}

async function restore(run: OwnRun, keys: number, from: Restore['from']): Promise<Restore> {
  await run.killEngine()
  if (from === 'checkpoints') await rm(run.stateDirectory, { recursive: true, force: true })
  const engine = run.startEngine()
  await engine.event('started', LOAD_TIMEOUT_MS)
  const startedMs = performance.now() - engine.startedAtMs
  const { durationMs, fetchedBytes } = await engine.event('restored')
  return {
    from,
    keys,
    restoreMs: Number(durationMs),
    fetchedMb: Number(fetchedBytes) / 2 ** 20,
    startedMs: Math.round(startedMs),
  }
}

/** From the control log: one for each ack, in order. */
async function checkpointsOf(run: OwnRun): Promise<Checkpoint[]> {
  const reader = run.topics.reader(`${run.applicationId}.control`, 1)
  const checkpoints: Checkpoint[] = []
  let offset = 0
  await reader.readToEnd(({ timestamp, value }) => {
    const record = decodeControlRecord(Buffer.from(value), offset++)
    if (record.type !== 'checkpoint-acked') return
    const { segments, pauseMs } = record.manifest
    const slices = segments.flatMap((segment) => segment.slices)
    checkpoints.push({
      atMs: timestamp,
      pauseMs,
      changedKeys: slices.reduce((sum, { entries }) => sum + entries, 0),
      bytes: segments.reduce((sum, { bytes }) => sum + bytes, 0),
    })
  })
  reader.close()
  return checkpoints
}

function costsOf(phase: string, checkpoints: readonly Checkpoint[]): PhaseCosts {
  const changed = checkpoints.filter(({ changedKeys }) => changedKeys > 0)
  const of = (value: (checkpoint: Checkpoint) => number) => median(changed.map(value)) ?? 0
  return {
    phase,
    checkpoints: changed.length,
    changedKeys: of(({ changedKeys }) => changedKeys),
    kilobytes: Math.round(of(({ bytes }) => bytes) / 1024),
    bytesPerChangedKey: Math.round(of(({ bytes, changedKeys }) => bytes / changedKeys) * 10) / 10,
    pauseMaxMs: Math.max(0, ...checkpoints.map(({ pauseMs }) => pauseMs)),
  }
}
