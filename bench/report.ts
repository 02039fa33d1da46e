/** From runs to rows (medians), from rows to ratios, and both to JSON or a table. Pure. */
import type { EngineChoice, EngineName } from './engines.ts'
import { type CheckpointCosts, DISTURBED_CORES, type Measurement, type ValueName, type Values } from './measurement.ts'
import type { Work } from './options.ts'
import type { SizeCosts } from './size-costs.ts'

export interface Row extends Values {
  readonly engine: EngineName
  readonly variant: string
  readonly runs: number
  /** Runs without complete and right output; the medians are of the others. */
  readonly failedRuns: number
  /** Runs, among those that count, beside which other programs took more than a quarter of a core. */
  readonly disturbedRuns: number
}

/** Ours ÷ theirs, of whatever both rows have. */
export interface Ratio {
  /** The peer's variant that is compared: its best. */
  readonly variant: string
  readonly throughput?: number
  readonly cpu?: number
  readonly memory?: number
  readonly p50?: number
  readonly p99?: number
  readonly recovery?: number
}

export interface Report {
  readonly work: string
  readonly rows: readonly Row[]
  /** Null for a peer that wasn't measured. */
  readonly ratios: { readonly flink: Ratio | null; readonly kafkaStreams: Ratio | null; readonly kafkajs: Ratio | null }
  /** What a reader should know of these numbers. */
  readonly notes: readonly string[]
  /** With the work `checkpoint`. */
  readonly checkpoint?: CheckpointCosts
  /** With the work `size`, one for each engine. */
  readonly size?: readonly SizeCosts[]
}

export interface EngineRuns {
  readonly engine: EngineChoice
  readonly runs: readonly Measurement[]
}

export function summarize(work: Work, what: string, measured: readonly EngineRuns[], notes: readonly string[] = []): Report {
  const rows = measured.map(rowOf)
  const ours = rows.find((row) => row.engine === 'millrace')
  const ratio = (peer: EngineName): Ratio | null => {
    const best = bestOf(
      work,
      rows.filter((row) => row.engine === peer && row.runs > row.failedRuns),
    )
    return ours === undefined || best === undefined ? null : ratioOf(ours, best)
  }
  return {
    work: what,
    rows,
    ratios: { flink: ratio('flink'), kafkaStreams: ratio('kafkaStreams'), kafkajs: ratio('kafkajs') },
    notes: [...notes, ...notesOn(rows)],
  }
}

function rowOf({ engine, runs }: EngineRuns): Row {
  const right = runs.filter((run) => run.isRight)
  const names = new Set(right.flatMap(({ values }) => Object.keys(values) as ValueName[]))
  const medians: Partial<Record<ValueName, number>> = {}
  for (const name of names) {
    const middle = median(right.flatMap(({ values }) => values[name] ?? []))
    if (middle !== undefined) medians[name] = rounded(middle)
  }
  return {
    engine: engine.engine,
    variant: engine.variant,
    runs: runs.length,
    failedRuns: runs.length - right.length,
    disturbedRuns: right.filter(({ values }) => (values.foreignCores ?? 0) > DISTURBED_CORES).length,
    ...medians,
  }
}

/** The variant of a peer to be compared with: a peer is as good as its best settings. */
function bestOf(work: Work, rows: readonly Row[]): Row | undefined {
  const least = (name: ValueName) =>
    rows.reduce<Row | undefined>((best, row) => ((row[name] ?? Infinity) < (best?.[name] ?? Infinity) ? row : best), undefined)
  if (work === 'latency') return least('p99Ms')
  if (work === 'recovery' || work === 'failover') return least('recoveryMs')
  return rows.reduce<Row | undefined>(
    (best, row) => ((row.recordsPerSecond ?? 0) > (best?.recordsPerSecond ?? 0) ? row : best),
    undefined,
  )
}

function ratioOf(ours: Row, theirs: Row): Ratio {
  const of = (name: ValueName): number | undefined => {
    const [mine, other] = [ours[name], theirs[name]]
    return mine === undefined || other === undefined || other === 0 ? undefined : rounded(mine / other)
  }
  const ratio = {
    throughput: of('recordsPerSecond'),
    cpu: of('cpuSecondsPerMillion'),
    memory: of('peakRssMb'),
    p50: of('p50Ms'),
    p99: of('p99Ms'),
    recovery: of('recoveryMs'),
  }
  const known = Object.fromEntries(Object.entries(ratio).filter(([, value]) => value !== undefined))
  return { variant: theirs.variant, ...known }
}

function notesOn(rows: readonly Row[]): string[] {
  const notes: string[] = []
  for (const { engine, variant, runs, failedRuns, disturbedRuns } of rows) {
    const name = `${engine} (${variant})`
    if (failedRuns > 0) notes.push(`${name}: ${failedRuns} of ${runs} runs gave wrong or incomplete output and don't count`)
    if (disturbedRuns > 0) notes.push(`${name}: ${disturbedRuns} of ${runs} runs were disturbed by other programs`)
  }
  return notes
}

export function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((left, right) => left - right)
  if (sorted.length === 0) return undefined
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Four digits are more than any of these measurements is worth. */
function rounded(value: number): number {
  return Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4))
}

interface Column {
  readonly title: string
  readonly value: ValueName
}

const COLUMNS: readonly Column[] = [
  { title: 'records/s', value: 'recordsPerSecond' },
  { title: 'with start', value: 'recordsPerSecondWithStart' },
  { title: 'steady', value: 'steadyPerSecond' },
  { title: 'p50 ms', value: 'p50Ms' },
  { title: 'p90 ms', value: 'p90Ms' },
  { title: 'p99 ms', value: 'p99Ms' },
  { title: 'max ms', value: 'maxMs' },
  { title: 'recovery ms', value: 'recoveryMs' },
  { title: 'to first record ms', value: 'recoveryFirstRecordMs' },
  { title: 'first output ms', value: 'firstOutputMs' },
  { title: 'noticed ms', value: 'noticedMs' },
  { title: 'claimed ms', value: 'claimedMs' },
  { title: 'running ms', value: 'startedMs' },
  { title: 'pause p50 ms', value: 'pauseP50Ms' },
  { title: 'pause p99 ms', value: 'pauseP99Ms' },
  { title: 'pause max ms', value: 'pauseMaxMs' },
  { title: 'restore ms', value: 'restoreMs' },
  { title: 'restore local ms', value: 'restoreLocalMs' },
  { title: 'CPU s/million', value: 'cpuSecondsPerMillion' },
  { title: 'CPU %', value: 'cpuPercent' },
  { title: 'broker CPU s/million', value: 'brokerCpuSecondsPerMillion' },
  { title: 'peak RSS MB', value: 'peakRssMb' },
  { title: 'checkpoint ms', value: 'checkpointMs' },
  { title: 'checkpoint KB', value: 'checkpointKb' },
  { title: 'files a checkpoint', value: 'filesPerCheckpoint' },
  { title: 'foreign cores', value: 'foreignCores' },
]

export function tableOf(report: Report): string {
  const columns = COLUMNS.filter(({ value }) => report.rows.some((row) => row[value] !== undefined))
  const header = ['engine', 'variant', 'runs', ...columns.map(({ title }) => title)]
  const lines = report.rows.map((row) => [
    row.engine,
    row.variant,
    row.failedRuns === 0 ? String(row.runs) : `${row.runs - row.failedRuns} of ${row.runs}`,
    ...columns.map(({ value }) => numberText(row[value])),
  ])
  const ratios = Object.entries(report.ratios).flatMap(([peer, ratio]) => (ratio === null ? [] : ratioText(peer, ratio)))
  return [report.work, '', ...aligned([header, ...lines]), '', ...ratios, ...report.notes.map((note) => `- ${note}`)].join('\n')
}

/** The second and third table of the work `checkpoint`; nothing for the others. */
export function checkpointText({ checkpoint }: Report): string {
  if (checkpoint === undefined) return ''
  const phases = checkpoint.phases.map((phase) => [
    phase.phase,
    ...[phase.checkpoints, phase.changedKeys, phase.kilobytes, phase.bytesPerChangedKey, phase.pauseMaxMs].map(numberText),
  ])
  const restores = checkpoint.restores.map((restore) => [
    restore.from,
    ...[restore.keys, restore.restoreMs, restore.fetchedMb, restore.startedMs].map(numberText),
  ])
  return [
    '',
    '',
    ...aligned([['phase', 'checkpoints', 'changed keys', 'KB', 'bytes a changed key', 'pause max ms'], ...phases]),
    '',
    ...aligned([['restore from', 'keys', 'state ms', 'fetched MB', 'start to processing ms'], ...restores]),
  ].join('\n')
}

function ratioText(peer: string, { variant, ...ratio }: Ratio): string {
  const parts = Object.entries(ratio).map(([name, value]) => `${name} × ${value}`)
  return `millrace ÷ ${peer} (${variant}): ${parts.join(', ')}`
}

export function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => (/^[\d\s.-]+$/.test(cell) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
}

export function numberText(value: number | undefined): string {
  if (value === undefined) return '-'
  return Math.abs(value) >= 1000 ? String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ' ') : String(value)
}
