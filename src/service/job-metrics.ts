/** What a worker's status looks like to Prometheus. Everything is read at the scrape; nothing is counted twice. */
import { ABORT_REASONS, type AbortReason } from '../checkpoint/protocol/abort-reason.ts'
import { MEMORY_USES } from '../planning/memory/memory-report.ts'
import type { MemoryStatus } from '../runtime/memory-status.ts'
import type { WorkerStatus } from '../runtime/worker-status.ts'
import type { Metrics } from './metrics.ts'

export function addJobMetrics(metrics: Metrics, status: WorkerStatus, sources: readonly string[]): void {
  const { checkpoints } = status
  for (const source of sources) {
    metrics.observedCounter(
      'millrace_records_total',
      'Records processed, those replayed after a failure included',
      () => status.records.get(source) ?? 0,
      { source },
    )
    metrics.gauge('millrace_source_lag_records', 'Records not read yet, as of the last fetch', () => lagOf(status, source), {
      source,
    })
  }
  metrics.observedCounter('millrace_checkpoints_completed_total', 'Completed checkpoints', () => checkpoints.completed)
  metrics.observedCounter('millrace_checkpoints_aborted_total', 'Aborted checkpoints', () => checkpoints.aborted)
  for (const reason of Object.keys(ABORT_REASONS) as AbortReason[]) {
    metrics.observedCounter(
      'millrace_checkpoints_aborted_by_reason_total',
      'Aborted checkpoints, by what they were aborted for',
      () => checkpoints.abortedByReason.get(reason) ?? 0,
      { reason },
    )
  }
  metrics.gauge('millrace_checkpoint_last', 'Number of the last completed checkpoint', () => checkpoints.lastCompleted)
  metrics.gauge(
    'millrace_checkpoint_duration_seconds',
    'From trigger to completion, of the last checkpoint',
    () => checkpoints.lastDurationMs / 1000,
  )
  metrics.gauge('millrace_checkpoint_bytes', 'Bytes that the last checkpoint wrote', () => checkpoints.lastBytes)
  metrics.gauge(
    'millrace_checkpoint_pause_seconds',
    'How long the last cut held up processing',
    () => (checkpoints.pausesMs.at(-1) ?? 0) / 1000,
  )
  metrics.gauge('millrace_restore_done_bytes', 'Bytes that the last restore has fetched', () => status.restoreDoneBytes)
  metrics.gauge('millrace_restore_total_bytes', 'Bytes that it has to fetch', () => status.restoreTotalBytes)
  addCompactionMetrics(metrics, status)
  addLoadMetrics(metrics, status)
  addMemoryMetrics(metrics, status)
  metrics.gauge('millrace_job_workers', 'Workers of the job in the running epoch', () => status.workers)
  metrics.gauge('millrace_checkpoint_interval_seconds', 'How often checkpoints are due', () => status.intervalMs / 1000)
  addStandbyMetrics(metrics, status)
  metrics.gauge('millrace_state_cached_entries', 'State entries on the heap', () => status.observed?.state.entryCount ?? 0)
  metrics.gauge(
    'millrace_state_cache_bytes',
    'Estimated heap of state entries',
    () => status.observed?.state.cache.usedBytes ?? 0,
  )
  metrics.gauge(
    'millrace_state_backend_bytes',
    'Memory of the state backend outside the heap',
    () => status.observed?.backend.memoryBytes() ?? 0,
  )
}

function addLoadMetrics(metrics: Metrics, status: WorkerStatus): void {
  const { load } = status
  const counter = (name: string, help: string, read: () => number) =>
    metrics.observedCounter(`millrace_${name}_total`, help, read)
  counter('upload_bytes', 'Bytes of changes put into the storage', () => load.uploadedBytes)
  counter('upload_entries', 'Changed entries put into the storage', () => load.uploadedEntries)
  counter('upload_seconds', 'Time that these took', () => load.uploadMs / 1000)
  counter('restore_bytes', 'Bytes fetched by restores', () => load.restoredBytes)
  counter('restore_entries', 'Entries fetched by restores', () => load.restoredEntries)
  counter('restore_seconds', 'Time that restores took', () => load.restoreMs / 1000)
  counter('idle_seconds', 'Time that the loop had nothing to do', () => load.idleMs / 1000)
  counter(
    'back_pressured_seconds',
    'Time that the loop waited for sinks, exchanges, or room for state changes',
    () => load.backPressuredMs / 1000,
  )
  metrics.gauge(
    'millrace_checkpoint_changed_entries',
    'Entries of this worker that the last checkpoint holds as changed',
    () => load.changedEntries,
  )
}

/** Where a memory-budget is set; else NaN. */
function addMemoryMetrics(metrics: Metrics, status: WorkerStatus): void {
  const gauge = (name: string, help: string, read: (memory: MemoryStatus) => number, labels = {}) =>
    metrics.gauge(
      `millrace_memory_${name}`,
      help,
      () => (status.memory === undefined ? Number.NaN : read(status.memory)),
      labels,
    )
  gauge('budget_bytes', 'What the process is to stay within', (memory) => memory.budgetBytes)
  gauge('resident_bytes', 'What it had at the last look', (memory) => memory.residentBytes)
  gauge('shared_bytes', 'What the shares of all its workers may come to', (memory) => memory.sharedBytes)
  for (const use of MEMORY_USES) {
    gauge('share_bytes', 'Share of this worker, by what it is for', (memory) => memory.shareOf(use), { use })
  }
  metrics.gauge('millrace_state_overlay_bytes', 'Estimated heap of changes that no completed checkpoint holds', () => {
    return status.observed?.state.overlayBytes ?? 0
  })
  metrics.observedCounter(
    'millrace_starved_seconds_total',
    'Time that the loop had nothing to do although records lay at the broker',
    () => status.load.starvedMs / 1000,
  )
}

function addCompactionMetrics(metrics: Metrics, { compaction }: WorkerStatus): void {
  const counter = (name: string, help: string, read: () => number) =>
    metrics.observedCounter(`millrace_compaction_${name}_total`, help, read)
  counter('merges', 'Merges of slices that a completed checkpoint holds', () => compaction.merges)
  counter('failures', 'Rounds of compaction that failed and are tried again', () => compaction.failures)
  counter('read_bytes', 'Bytes of slices that were merged', () => compaction.readBytes)
  counter('written_bytes', 'Bytes of merged slices', () => compaction.writtenBytes)
  counter('busy_seconds', 'Time of the event loop that compaction took', () => compaction.busyMs / 1000)
  metrics.gauge('millrace_chain_bytes', 'What a restore of this worker would read', () => compaction.chainBytes)
  metrics.gauge('millrace_chain_live_bytes', 'About how much of it is live state', () => compaction.liveBytes)
  metrics.gauge('millrace_chain_links', 'Slices that a restore of this worker would read', () => compaction.links)
}

function addStandbyMetrics(metrics: Metrics, { standby }: WorkerStatus): void {
  metrics.gauge('millrace_standby_tasks', 'Tasks of other workers that this one keeps copies of', () => standby.tasks)
  metrics.gauge('millrace_standby_checkpoint', 'The oldest checkpoint that one of its copies is', () => standby.checkpoint)
  metrics.gauge(
    'millrace_standby_lag_checkpoints',
    'By how many numbers that is behind the last completed checkpoint',
    () => standby.lagCheckpoints,
  )
  metrics.gauge('millrace_standby_lag_bytes', 'Bytes that its copies still have to fetch', () => standby.lagBytes)
  metrics.observedCounter(
    'millrace_standby_fetched_bytes_total',
    'Bytes that its copies have fetched',
    () => standby.fetchedBytes,
  )
  metrics.observedCounter(
    'millrace_standby_failures_total',
    'Rounds of following that failed and are tried again',
    () => standby.failures,
  )
}

function lagOf(status: WorkerStatus, source: string): number {
  let lag = 0
  for (const records of status.observed?.tasks.sources.lag().get(source)?.values() ?? []) lag += records
  return lag
}
