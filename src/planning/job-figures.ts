/**
 * What a plan is made of: figures of a job, over all its workers together, each measured, given, derived or assumed.
 * Sizes are bytes, times milliseconds, rates per second.
 */
import { updatesThatChanged } from './changed-keys.ts'

export interface JobFigures {
  /** Live entries of keyed state. */
  readonly entries: number
  /** One entry in a segment: key, value and framing, compressed. */
  readonly entryBytes: number
  /** One entry on the heap of a worker. */
  readonly heapEntryBytes: number
  /** Changes of entries, an entry that changes twice counted twice. */
  readonly updatesPerSecond: number
  readonly inputPerSecond: number
  /** Records that could be processed if they were there: input ÷ the share of time that is busy. */
  readonly capacityPerSecond: number
  readonly uploadBytesPerSecond: number
  readonly restoreBytesPerSecond: number
  /** What a checkpoint takes beside its upload: barriers, sinks, metadata, the log. */
  readonly overheadMs: number
  readonly metadataBytes: number
  /** Bytes of the files of the newest checkpoint ÷ bytes of live state in them. */
  readonly storageFactor: number
  /** Bytes that a restore reads ÷ bytes of live state. */
  readonly restoreFactor: number
  /** Bytes that compaction writes for each byte of change. */
  readonly compactionFactor: number
  /** Of a failover beside detecting it and restoring: joining, claiming, settling transactions. */
  readonly restartMs: number
}

export type FigureName = keyof JobFigures
export type FigureSource = 'measured' | 'given' | 'derived' | 'assumed'
export type SomeFigures = { readonly [K in FigureName]?: number | undefined }

export interface SourcedFigures {
  readonly figures: JobFigures
  readonly sources: Readonly<Record<FigureName, FigureSource>>
}

/** Without these there is no plan. */
const REQUIRED = ['entries', 'entryBytes'] as const

/** One connection to S3: https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance-design-patterns.html */
const UPLOAD_BYTES_PER_SECOND = 85e6
/** What a restore of one worker is held to (bench/README.md). */
const RESTORED_ENTRIES_PER_SECOND = 200_000
/** Map slot, entry object and decoded value: state/object-cache.ts has the measurement. */
const HEAP_ENTRY_OVERHEAD_BYTES = 160

const ASSUMED = {
  overheadMs: 250,
  metadataBytes: 16 * 1024,
  storageFactor: 2,
  restoreFactor: 1.5,
  compactionFactor: 2,
  restartMs: 3_000,
} as const

/** Names of what is missing and can't be assumed; empty: `settleFigures` may be called. */
export function missingFigures(known: SomeFigures): readonly FigureName[] {
  return REQUIRED.filter((name) => known[name] === undefined)
}

/**
 * Given figures win over measured ones; what neither tells is derived from others, or assumed.
 *
 * @param workers rates that are assumed are those of one worker times this
 */
export function settleFigures(given: SomeFigures, measured: SomeFigures, workers: number): SourcedFigures {
  const figures: Partial<Record<FigureName, number>> = {}
  const sources: Partial<Record<FigureName, FigureSource>> = {}
  const settle = (name: FigureName, otherwise: number, source: 'derived' | 'assumed') => {
    const [value, from] =
      given[name] !== undefined
        ? ([given[name], 'given'] as const)
        : measured[name] !== undefined
          ? ([measured[name], 'measured'] as const)
          : ([otherwise, source] as const)
    figures[name] = value
    sources[name] = from
    return value
  }
  settle('entries', 0, 'assumed')
  const entryBytes = settle('entryBytes', 0, 'assumed')
  settle('heapEntryBytes', HEAP_ENTRY_OVERHEAD_BYTES + 2 * entryBytes, 'derived')
  const isInputKnown = given.inputPerSecond !== undefined || measured.inputPerSecond !== undefined
  const inputPerSecond = settle('inputPerSecond', given.updatesPerSecond ?? measured.updatesPerSecond ?? 0, 'derived')
  settle('updatesPerSecond', inputPerSecond, isInputKnown ? 'derived' : 'assumed')
  settle('capacityPerSecond', 2 * inputPerSecond, 'assumed')
  settle('uploadBytesPerSecond', workers * UPLOAD_BYTES_PER_SECOND, 'assumed')
  const restoreOfOne = Math.min(UPLOAD_BYTES_PER_SECOND, RESTORED_ENTRIES_PER_SECOND * entryBytes)
  settle('restoreBytesPerSecond', workers * restoreOfOne, 'assumed')
  for (const [name, value] of Object.entries(ASSUMED)) settle(name as FigureName, value, 'assumed')
  return { figures: figures as JobFigures, sources: sources as Record<FigureName, FigureSource> }
}

/** From what one checkpoint has shown: so many entries changed within its interval. */
export function updatesPerSecond(entries: number, changedEntries: number, intervalMs: number): number {
  if (intervalMs <= 0) return 0
  return updatesThatChanged(Math.max(entries, changedEntries), changedEntries) / (intervalMs / 1_000)
}
