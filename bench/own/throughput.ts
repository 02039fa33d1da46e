/** w1 and recovery by our own driver; the definitions are the peer kit's (README of bench/). */
import { setTimeout as sleep } from 'node:timers/promises'
import { known, type Measurement } from '../measurement.ts'
import type { BenchOptions } from '../options.ts'
import type { OwnRun } from './own-run.ts'
import { Totals } from './totals.ts'
import type { Workload } from './workload.ts'

const POLL_MS = 40
const TIMEOUT_MS = 600_000
/** The output's start, and the JIT's, are left out of the steady rate. */
const WARM_SHARE = 0.3

interface Step {
  readonly atMs: number
  /** Committed offsets of the output, markers included. */
  readonly committed: number
}

interface Recovery {
  readonly recoveryMs: number
  readonly recoveryFirstRecordMs: number | undefined
}

export async function measureThroughput(run: OwnRun, workload: Workload, options: BenchOptions): Promise<Measurement> {
  const { records } = options
  const expected = new Totals(options.keys)
  expected.add(workload, 0, records)
  const brokerBefore = run.brokerCpuSeconds()
  const settleMs = Math.max(2_500, options.intervalMs * 1.5 + 1_500)
  const first = run.startEngine()
  const startMs = first.startedAtMs
  const steps: Step[] = []
  let usage = { cpu: 0, broker: 0 }
  let committed = 0
  let changedAtMs = startMs
  let recovery: Recovery | undefined
  while (performance.now() - startMs < TIMEOUT_MS && run.outputTotals.accounted < records && !run.process.hasEnded) {
    const now = sum(await run.topics.committedEnds(run.output))
    if (now !== committed) {
      committed = now
      changedAtMs = performance.now()
      steps.push({ atMs: changedAtMs, committed })
      usage = { cpu: run.cpuSeconds(), broker: run.brokerCpuSeconds() - brokerBefore }
    }
    run.peakRssMb()
    if (options.work === 'recovery' && recovery === undefined && committed >= records * options.killAt) {
      recovery = await killAndRecover(run)
    }
    if (committed > 0 && performance.now() - changedAtMs > settleMs) {
      await run.scanOutput()
      changedAtMs = performance.now()
    }
    await sleep(POLL_MS)
  }
  await run.scanOutput()
  const firstRecordAtMs = first.firstRecordAtMs
  const last = steps.at(-1)
  if (last === undefined || firstRecordAtMs === undefined) {
    return { isRight: false, problem: `there is no output:\n${run.process.tail()}`, values: {} }
  }
  const warm = steps.find((step) => step.committed >= last.committed * WARM_SHARE)
  const completed = run.process.events.filter(({ event }) => event === 'checkpoint-completed')
  return run.verdict(
    expected,
    records,
    known({
      records,
      recordsPerSecond: perSecond(records, last.atMs - firstRecordAtMs),
      recordsPerSecondWithStart: perSecond(records, last.atMs - startMs),
      steadyPerSecond:
        warm === undefined || warm === last ? undefined : perSecond(last.committed - warm.committed, last.atMs - warm.atMs),
      startToFirstRecordMs: firstRecordAtMs - startMs,
      firstCommitMs: (steps[0]?.atMs ?? 0) - firstRecordAtMs,
      cpuSecondsPerMillion: (usage.cpu * 1e6) / records,
      brokerCpuSecondsPerMillion: (usage.broker * 1e6) / records,
      peakRssMb: run.peakRssMb(),
      foreignCores: run.foreignCores(),
      checkpoints: completed.length,
      ...recovery,
    }),
  )
}

/** SIGKILL, a new process, and the first record that a read_committed reader sees behind the ends at the kill. */
async function killAndRecover(run: OwnRun): Promise<Recovery> {
  await run.killEngine()
  const ends = await run.topics.ends(run.output)
  const again = run.startEngine()
  const reader = run.topics.reader(run.output, ends.length, ends)
  try {
    for (;;) {
      const batch = reader.poll()
      if (batch !== undefined && batch.length > 0) break
      if (again.hasEnded) throw new Error(`the engine did not come back:\n${again.tail()}`)
      if (batch === undefined) await Promise.race([reader.whenAvailable(), sleep(POLL_MS)])
    }
    const first = again.firstRecordAtMs
    return {
      recoveryMs: performance.now() - again.startedAtMs,
      recoveryFirstRecordMs: first === undefined ? undefined : first - again.startedAtMs,
    }
  } finally {
    reader.close()
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function perSecond(count: number, ms: number): number {
  return (count * 1000) / ms
}
