/**
 * What checkpoints cost in storage. Those that are retained share their files: the oldest counts whole, each newer one adds
 * what it changed.
 */
import { fullBytes, incrementalBytes } from './checkpoint-size.ts'
import type { JobFigures } from './job-figures.ts'

export interface Prices {
  /** For storing a gigabyte (2^30 bytes, as S3 counts them) for a month. */
  readonly perGbMonth: number
  /** For 1,000 writing requests. */
  readonly perThousandPuts: number
}

export interface RetentionSettings {
  readonly intervalMs: number
  readonly retained: number
  readonly workers: number
}

export interface RetentionCost {
  /** At any time. */
  readonly storedBytes: number
  /** Uploaded in a day, compaction included. */
  readonly writtenBytesPerDay: number
  readonly checkpointsPerDay: number
  /** A segment for each worker, and the metadata. Deleting costs nothing at S3. */
  readonly putsPerDay: number
  /** Null: no prices are known. */
  readonly moneyPerDay: number | null
}

const DAY_MS = 24 * 60 * 60 * 1_000
/** 365 ÷ 12. */
const DAYS_PER_MONTH = 365 / 12
const GB = 2 ** 30

export function retentionCost(figures: JobFigures, settings: RetentionSettings, prices: Prices | null): RetentionCost {
  const { intervalMs, retained, workers } = settings
  const incremental = incrementalBytes(figures, intervalMs)
  const changed = incremental - figures.metadataBytes
  const storedBytes = fullBytes(figures) * figures.storageFactor + (retained - 1) * incremental
  const checkpointsPerDay = DAY_MS / intervalMs
  const putsPerDay = checkpointsPerDay * (workers + 1)
  const writtenBytesPerDay = checkpointsPerDay * (incremental + changed * figures.compactionFactor)
  const moneyPerDay =
    prices === null
      ? null
      : ((storedBytes / GB) * prices.perGbMonth) / DAYS_PER_MONTH + (putsPerDay / 1_000) * prices.perThousandPuts
  return { storedBytes, writtenBytesPerDay, checkpointsPerDay, putsPerDay, moneyPerDay }
}
