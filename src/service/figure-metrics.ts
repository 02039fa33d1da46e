/** The figures that plans are made of, as gauges: their names here are what `millrace plan` looks for. */
import type { FigureName, SomeFigures } from '../planning/job-figures.ts'
import type { Metrics } from './metrics.ts'

interface FigureMetric {
  readonly name: string
  readonly help: string
  /** Of the figure, in the metric's unit. */
  readonly unit: number
}

export const FIGURE_METRICS: Readonly<Record<FigureName, FigureMetric>> = {
  entries: { name: 'millrace_job_state_entries', help: 'Live entries of keyed state', unit: 1 },
  entryBytes: { name: 'millrace_job_state_entry_bytes', help: 'Bytes of an entry in a segment', unit: 1 },
  heapEntryBytes: { name: 'millrace_job_heap_entry_bytes', help: 'Bytes of an entry on the heap', unit: 1 },
  updatesPerSecond: { name: 'millrace_job_updates_per_second', help: 'Changes of entries', unit: 1 },
  inputPerSecond: { name: 'millrace_job_input_records_per_second', help: 'Records that come in', unit: 1 },
  capacityPerSecond: {
    name: 'millrace_job_capacity_records_per_second',
    help: 'Records that could be processed',
    unit: 1,
  },
  uploadBytesPerSecond: {
    name: 'millrace_job_upload_bytes_per_second',
    help: 'Speed of uploads that are large enough to tell',
    unit: 1,
  },
  restoreBytesPerSecond: { name: 'millrace_job_restore_bytes_per_second', help: 'Speed of restores', unit: 1 },
  overheadMs: {
    name: 'millrace_job_checkpoint_overhead_seconds',
    help: 'What a checkpoint takes beside its upload',
    unit: 1_000,
  },
  metadataBytes: { name: 'millrace_job_metadata_bytes', help: 'Bytes of the metadata of a checkpoint', unit: 1 },
  storageFactor: {
    name: 'millrace_job_storage_factor',
    help: 'Bytes of the files of the last checkpoint, of those of live state in them',
    unit: 1,
  },
  restoreFactor: {
    name: 'millrace_job_restore_factor',
    help: 'Bytes that a restore reads, of those of live state in them',
    unit: 1,
  },
  compactionFactor: {
    name: 'millrace_job_compaction_factor',
    help: 'Bytes that compaction writes for each byte of change',
    unit: 1,
  },
  restartMs: { name: 'millrace_job_restart_seconds', help: 'From joining to running, restoring left out', unit: 1_000 },
}

const NAMES = Object.keys(FIGURE_METRICS) as FigureName[]

/** Those that are not known, as on copies that don't lead, are NaN. */
export function addFigureMetrics(metrics: Metrics, read: () => SomeFigures): void {
  for (const figure of NAMES) {
    const { name, help, unit } = FIGURE_METRICS[figure]
    metrics.gauge(name, `${help}, of the whole job as its leader reckons`, () => (read()[figure] ?? Number.NaN) / unit)
  }
}

/** @param series name and value of what a copy of the job tells; of several copies, or threads, one leads */
export function figuresOf(series: Iterable<readonly [name: string, value: number]>): SomeFigures {
  const values = new Map<string, number>()
  for (const [name, value] of series) if (Number.isFinite(value)) values.set(name, value)
  const known: { -readonly [K in FigureName]?: number } = {}
  for (const figure of NAMES) {
    const { name, unit } = FIGURE_METRICS[figure]
    const value = values.get(name)
    if (value !== undefined) known[figure] = value * unit
  }
  return known
}
