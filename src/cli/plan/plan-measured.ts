/** Figures of a job that is there: from the metrics of its copies while it runs, or from its checkpoints in storage. */

import type { CheckpointMetadata } from '../../checkpoint/metadata.ts'
import { type StoredState, stateFactors, storedState } from '../../checkpoint/stored-state.ts'
import { median } from '../../common/averages.ts'
import { MillraceError } from '../../common/errors.ts'
import { CheckpointCatalogue } from '../../inspect/checkpoint-catalogue.ts'
import { missingFigures, type SomeFigures, updatesPerSecond } from '../../planning/job-figures.ts'
import type { CheckpointStorage } from '../../ports/checkpoint-storage.ts'
import { figuresOf } from '../../service/figure-metrics.ts'
import { scrape } from '../scrape.ts'

export interface MeasuredJob {
  readonly figures: SomeFigures
  /** How often checkpoints are due, or have come; undefined: nothing tells. */
  readonly intervalMs: number | undefined
  readonly workers: number | undefined
  /** Of the checkpoints that are there, oldest first. */
  readonly stored: readonly StoredState[]
}

/** What is smaller was not held up by the speed of the storage. */
const LEAST_TRANSFER_BYTES = 256 * 1024

/** Throws MR_CLI_NOT_MEASURED. */
export async function measureRunning(urls: readonly string[]): Promise<MeasuredJob> {
  const scraped = (await Promise.all(urls.map(scrape))).flat()
  const series = scraped.map(({ name, value }) => [name, value] as const)
  const figures = figuresOf(series)
  if (missingFigures(figures).length > 0) {
    throw new MillraceError(
      'MR_CLI_NOT_MEASURED',
      `none of ${urls.join(', ')} leads the job and has completed a checkpoint with state`,
    )
  }
  // Every worker tells these, and all the same.
  const largest = (name: string) => Math.max(0, ...series.flatMap(([key, value]) => (key === name ? [value] : []))) || undefined
  const intervalSeconds = largest('millrace_checkpoint_interval_seconds')
  return {
    figures,
    intervalMs: intervalSeconds === undefined ? undefined : intervalSeconds * 1_000,
    workers: largest('millrace_job_workers'),
    stored: [],
  }
}

/** Throws MR_CLI_NO_CHECKPOINT, MR_STORAGE_…, MR_CHECKPOINT_… */
export async function measureStored(storage: CheckpointStorage, applicationId: string): Promise<MeasuredJob> {
  const catalogue = new CheckpointCatalogue(storage, applicationId)
  const checkpoints: CheckpointMetadata[] = []
  for (const file of await catalogue.files()) checkpoints.push(await catalogue.read(file))
  const newest = checkpoints.at(-1)
  if (newest === undefined) {
    throw new MillraceError('MR_CLI_NO_CHECKPOINT', `there is no checkpoint of ${applicationId} in ${storage.uri}`)
  }
  const stored = checkpoints.map(storedState)
  const state = stored.at(-1)!
  const { storageFactor, restoreFactor } = stateFactors(state)
  const spanMs = Date.parse(newest.triggeredAt) - Date.parse(checkpoints[0]!.triggeredAt)
  const intervalMs = checkpoints.length > 1 && spanMs > 0 ? spanMs / (checkpoints.length - 1) : undefined
  const changed = stored.reduce((sum, { changedEntries }) => sum + changedEntries, 0) / stored.length
  const uploads = checkpoints.filter(({ writtenBytes, durationMs }) => writtenBytes >= LEAST_TRANSFER_BYTES && durationMs > 0)
  return {
    figures: {
      entries: state.liveEntries,
      entryBytes: state.liveEntries > 0 ? state.liveBytes / state.liveEntries : undefined,
      updatesPerSecond: intervalMs === undefined ? undefined : updatesPerSecond(state.liveEntries, changed, intervalMs),
      inputPerSecond: spanMs > 0 ? (positionsOf(newest) - positionsOf(checkpoints[0]!)) / (spanMs / 1_000) : undefined,
      // At least: beside the upload the duration holds what else a checkpoint takes.
      uploadBytesPerSecond:
        uploads.length === 0
          ? undefined
          : Math.max(...uploads.map(({ writtenBytes, durationMs }) => (writtenBytes / durationMs) * 1_000)),
      overheadMs: uploads.length === 0 ? median(checkpoints.map(({ durationMs }) => durationMs)) : 0,
      storageFactor: storageFactor ?? undefined,
      restoreFactor: restoreFactor ?? undefined,
    },
    intervalMs,
    workers: undefined,
    stored,
  }
}

function positionsOf({ sources }: CheckpointMetadata): number {
  let sum = 0
  for (const { positions } of Object.values(sources)) for (const position of Object.values(positions)) sum += position
  return sum
}
