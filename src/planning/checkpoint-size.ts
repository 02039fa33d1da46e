/**
 * How large checkpoints are and how long they take. Size = state + metadata; state = entries × bytes of an entry; an
 * incremental checkpoint holds the entries that changed since the last one.
 */
import { changedKeys } from './changed-keys.ts'
import type { JobFigures } from './job-figures.ts'

/** Of all live state, as a savepoint writes it. */
export function fullBytes({ entries, entryBytes, metadataBytes }: JobFigures): number {
  return entries * entryBytes + metadataBytes
}

/** Entries that an incremental checkpoint holds. */
export function changedEntries({ entries, updatesPerSecond }: JobFigures, intervalMs: number): number {
  return changedKeys(entries, (updatesPerSecond * intervalMs) / 1_000)
}

export function incrementalBytes(figures: JobFigures, intervalMs: number): number {
  return changedEntries(figures, intervalMs) * figures.entryBytes + figures.metadataBytes
}

/** From the trigger to the completion. */
export function checkpointDurationMs(figures: JobFigures, intervalMs: number): number {
  return figures.overheadMs + transferMs(incrementalBytes(figures, intervalMs), figures.uploadBytesPerSecond)
}

/** Infinite where nothing gets through. */
export function transferMs(bytes: number, bytesPerSecond: number): number {
  if (bytes <= 0) return 0
  return bytesPerSecond <= 0 ? Number.POSITIVE_INFINITY : (bytes / bytesPerSecond) * 1_000
}
