/**
 * The figures of a running job, as the worker that leads it sees them: sizes from the metadata that it writes, which is of
 * the whole job; speeds from its own work times the number of workers, among which tasks are spread evenly.
 */
import { mean, median } from '../common/averages.ts'
import { type SomeFigures, updatesPerSecond } from '../planning/job-figures.ts'
import type { WorkerStatus } from '../runtime/worker-status.ts'

/** Checkpoints that an average is made of. */
const RECENT = 10

/** Empty where this worker doesn't lead, or no checkpoint is complete yet. */
export function measuredFigures(status: WorkerStatus, nowMs: number): SomeFigures {
  const { load, stored, workers, checkpoints, compaction, observed } = status
  const last = stored.at(-1)
  if (last === undefined) return {}
  const recent = stored.slice(-RECENT)
  const changed = mean(recent.map(({ changedEntries }) => changedEntries))
  const changedBytes = mean(recent.map(({ changedBytes }) => changedBytes))
  const entryBytes = quotient(last.liveBytes, last.liveEntries)
  const uploadBytesPerSecond = finite(load.uploadBytesPerSecond * workers)
  const uploadMs = uploadBytesPerSecond === undefined ? 0 : (changedBytes / uploadBytesPerSecond) * 1_000
  const durationMs = median(checkpoints.durationsMs.slice(-RECENT))
  return {
    entries: last.liveEntries,
    entryBytes,
    heapEntryBytes: quotient(observed?.state.cache.usedBytes ?? 0, observed?.state.entryCount ?? 0),
    updatesPerSecond: finite(updatesPerSecond(last.liveEntries, changed, load.windowMs)),
    inputPerSecond: finite(load.inputPerSecond * workers),
    capacityPerSecond: finite(load.capacityPerSecond(nowMs, status.recordsProcessed) * workers),
    uploadBytesPerSecond,
    restoreBytesPerSecond: finite(load.restoreBytesPerSecond * workers),
    overheadMs: durationMs === undefined ? undefined : Math.max(0, durationMs - uploadMs),
    metadataBytes: status.metadataBytes,
    storageFactor: quotient(last.storedBytes, last.liveBytes),
    restoreFactor: quotient(last.chainBytes, last.liveBytes),
    compactionFactor: quotient(compaction.writtenBytes, load.uploadedBytes),
  }
}

function quotient(a: number, b: number): number | undefined {
  return b > 0 ? a / b : undefined
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined
}
