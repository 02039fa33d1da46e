/** latency by our own driver: from the time at which a record was due to be sent to its update's being read as committed. */
import { known, type Measurement } from '../measurement.ts'
import type { BenchOptions } from '../options.ts'
import type { OwnRun } from './own-run.ts'
import { percentile } from './percentile.ts'
import type { Update } from './totals.ts'
import type { Workload } from './workload.ts'

export async function measureLatency(run: OwnRun, workload: Workload, options: BenchOptions): Promise<Measurement> {
  const { rate, warmSeconds, seconds } = options
  const writer = await run.topics.writer(run.input, 1)
  const engine = run.startEngine()
  await engine.event('started')
  // Per word, when its n-th record was due.
  const due: number[][] = Array.from({ length: options.keys }, () => [])
  const latencies: number[] = []
  const startMs = performance.now()
  const warmAtMs = startMs + warmSeconds * 1000
  let isReading = true
  const reading = readUpdates(
    run,
    ({ word, count }) => {
      const dueAtMs = due[Number(word.slice(1))]?.[count - 1]
      if (dueAtMs === undefined) throw new Error(`update ${count} of ${word} came before its record was sent`)
      if (dueAtMs >= warmAtMs) latencies.push(performance.now() - dueAtMs)
    },
    () => isReading,
  )
  let cpuAtWarm = 0
  let expected = 0
  await writer.pace(workload, 0, rate, warmSeconds + seconds, (record, dueAtMs) => {
    if (dueAtMs >= warmAtMs && expected++ === 0) cpuAtWarm = run.cpuSeconds()
    due[workload.wordOf(record)]?.push(dueAtMs)
  })
  const cpuSeconds = run.cpuSeconds() - cpuAtWarm
  const deadlineMs = performance.now() + options.intervalMs * 2 + 3_000
  while (latencies.length < expected && performance.now() < deadlineMs && !engine.hasEnded) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  isReading = false
  await reading
  writer.close()
  const isRight = latencies.length === expected
  latencies.sort((left, right) => left - right)
  return {
    isRight,
    ...(isRight ? {} : { problem: `${latencies.length} of ${expected} updates came:\n${engine.tail()}` }),
    values: known({
      p50Ms: percentile(latencies, 0.5),
      p90Ms: percentile(latencies, 0.9),
      p99Ms: percentile(latencies, 0.99),
      maxMs: latencies.at(-1),
      cpuPercent: (cpuSeconds * 100) / seconds,
      cpuSecondsPerMillion: (cpuSeconds * 1e6) / (rate * seconds),
      peakRssMb: run.peakRssMb(),
      foreignCores: run.foreignCores(),
    }),
  }
}

async function readUpdates(run: OwnRun, take: (update: Update) => void, goesOn: () => boolean): Promise<void> {
  const reader = run.topics.reader(run.output)
  try {
    while (goesOn()) {
      const records = reader.poll()
      if (records === undefined)
        await Promise.race([reader.whenAvailable(), new Promise((resolve) => setTimeout(resolve, 100))])
      else for (const { value } of records) take(JSON.parse(value))
    }
  } finally {
    reader.close()
  }
}
