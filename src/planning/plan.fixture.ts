/** A job of 20 million keys of 100 bytes on one worker, for tests. */
import fc from 'fast-check'
import type { JobFigures, SourcedFigures } from './job-figures.ts'
import { settleFigures } from './job-figures.ts'
import type { PlanSettings } from './plan-settings.ts'

export const FIGURES: JobFigures = {
  entries: 20_000_000,
  entryBytes: 100,
  heapEntryBytes: 360,
  updatesPerSecond: 20_000,
  inputPerSecond: 20_000,
  capacityPerSecond: 100_000,
  uploadBytesPerSecond: 100e6,
  restoreBytesPerSecond: 40e6,
  overheadMs: 200,
  metadataBytes: 0,
  storageFactor: 2,
  restoreFactor: 1.5,
  compactionFactor: 2,
  restartMs: 3_000,
}

export const SETTINGS: PlanSettings = {
  intervalMs: 10_000,
  intervalMaxMs: null,
  timeoutMs: 240_000,
  tolerableFailures: 2,
  transactionTimeoutMs: 900_000,
  retained: 3,
  workers: 1,
  sessionTimeoutMs: 10_000,
  cacheBytes: 256 * 2 ** 20,
  recoveryTargetMs: null,
  prices: null,
}

export function sourced(own: Partial<JobFigures> = {}): SourcedFigures {
  return settleFigures({ ...FIGURES, ...own }, {}, 1)
}

const positive = (max: number) => fc.double({ min: 1, max, noNaN: true })

/** Any job that makes sense. */
export const anyFigures: fc.Arbitrary<JobFigures> = fc.record({
  entries: fc.integer({ min: 0, max: 1_000_000_000 }),
  entryBytes: positive(10_000),
  heapEntryBytes: positive(30_000),
  updatesPerSecond: positive(1e6),
  inputPerSecond: positive(1e6),
  capacityPerSecond: positive(2e6),
  uploadBytesPerSecond: positive(1e10),
  restoreBytesPerSecond: positive(1e10),
  overheadMs: positive(10_000),
  metadataBytes: fc.integer({ min: 0, max: 1e7 }),
  storageFactor: fc.double({ min: 1, max: 10, noNaN: true }),
  restoreFactor: fc.double({ min: 1, max: 5, noNaN: true }),
  compactionFactor: fc.double({ min: 0, max: 10, noNaN: true }),
  restartMs: positive(60_000),
})
