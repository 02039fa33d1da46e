/** What the copies of a running job tell of themselves over HTTP, for `millrace status --metrics`. */
import { isMillraceError } from '../../common/errors.ts'
import { MEMORY_USES, type MemoryUse } from '../../planning/memory/memory-report.ts'
import { PLAN_WARNINGS } from '../../planning/plan-warnings.ts'
import { FIGURE_METRICS } from '../../service/figure-metrics.ts'
import { type ScrapedSeries, scrape, scrapeHealth } from '../scrape.ts'

export interface LiveStatus {
  /** As the leader reckons with its last checkpoint; null: none of the copies leads, or no state is stored yet. */
  readonly plan: LivePlan | null
  readonly copies: ReadonlyArray<LiveCopy | UnreadableCopy>
}

/** Times that have no bound are null. */
export interface LivePlan {
  readonly fullBytes: number
  readonly incrementalBytes: number
  readonly intervalMs: number
  readonly leastIntervalMs: number
  readonly storedBytes: number
  readonly recoveryMeanMs: number | null
  readonly recoveryWorstMs: number | null
  /** Bytes of stored files, of those that a restore reads, and of what compaction writes for each byte of change. */
  readonly storageFactor: number | null
  readonly restoreFactor: number | null
  readonly compactionFactor: number | null
  readonly warnings: readonly string[]
}

export interface LiveCopy {
  readonly url: string
  readonly state: string
  /** Null: no memory-budget is set. */
  readonly memory: { readonly budgetBytes: number; readonly residentBytes: number; readonly sharedBytes: number } | null
  readonly workers: readonly LiveWorker[]
}

export interface UnreadableCopy {
  readonly url: string
  readonly error: { readonly code: string; readonly message: string }
}

export interface LiveWorker {
  /** Its place in the process, from 0 up. */
  readonly slot: number
  readonly restore: { readonly doneBytes: number; readonly totalBytes: number }
  /** Its shares; null: no memory-budget is set. */
  readonly memory: Readonly<Record<MemoryUse, number>> | null
}

export async function liveStatusOf(applicationId: string, urls: readonly string[]): Promise<LiveStatus> {
  const scraped = await Promise.all(urls.map((url) => look(applicationId, url)))
  return {
    plan: scraped.flatMap(({ series }) => planOf(series) ?? [])[0] ?? null,
    copies: scraped.map(({ copy }) => copy),
  }
}

interface Look {
  readonly copy: LiveCopy | UnreadableCopy
  readonly series: readonly ScrapedSeries[]
}

/** A copy that can't be read doesn't hide the others. */
async function look(applicationId: string, url: string): Promise<Look> {
  const unreadable = (code: string, message: string) => ({ copy: { url, error: { code, message } }, series: [] })
  try {
    const [{ applicationId: found, state }, series] = await Promise.all([scrapeHealth(url), scrape(url)])
    if (found !== applicationId) return unreadable('MR_CLI_NOT_MEASURED', `it is a copy of ${found}`)
    return { copy: { url, state, memory: processMemoryOf(series), workers: workersOf(series) }, series }
  } catch (error) {
    if (!isMillraceError(error)) throw error
    return unreadable(error.code, error.message)
  }
}

/** The first that tells it: workers that don't know say NaN. */
function seriesValue(series: readonly ScrapedSeries[], name: string, labels: Readonly<Record<string, string>> = {}): number {
  const fits = (one: ScrapedSeries) =>
    one.name === name && Object.entries(labels).every(([label, value]) => one.labels[label] === value)
  return series.find((one) => fits(one) && !Number.isNaN(one.value))?.value ?? Number.NaN
}

function planOf(series: readonly ScrapedSeries[]): LivePlan | undefined {
  const plan = (name: string, labels = {}) => seriesValue(series, `millrace_plan_${name}`, labels)
  if (Number.isNaN(plan('full_bytes'))) return undefined
  const known = (value: number) => (Number.isFinite(value) ? value : null)
  return {
    fullBytes: plan('full_bytes'),
    incrementalBytes: plan('incremental_bytes'),
    intervalMs: seriesValue(series, 'millrace_checkpoint_interval_seconds') * 1_000,
    leastIntervalMs: plan('least_interval_seconds') * 1_000,
    storedBytes: plan('stored_bytes'),
    recoveryMeanMs: known(plan('recovery_seconds', { kind: 'mean' }) * 1_000),
    recoveryWorstMs: known(plan('recovery_seconds', { kind: 'worst' }) * 1_000),
    storageFactor: known(seriesValue(series, FIGURE_METRICS.storageFactor.name)),
    restoreFactor: known(seriesValue(series, FIGURE_METRICS.restoreFactor.name)),
    compactionFactor: known(seriesValue(series, FIGURE_METRICS.compactionFactor.name)),
    warnings: Object.keys(PLAN_WARNINGS).filter((warning) => plan('warning', { warning }) === 1),
  }
}

function processMemoryOf(series: readonly ScrapedSeries[]): LiveCopy['memory'] {
  const value = (name: string) => seriesValue(series, `millrace_memory_${name}_bytes`)
  const budgetBytes = value('budget')
  if (Number.isNaN(budgetBytes)) return null
  return { budgetBytes, residentBytes: value('resident'), sharedBytes: value('shared') }
}

/** Where a process has one worker, its metrics have no label for it. */
function workersOf(series: readonly ScrapedSeries[]): LiveWorker[] {
  const totals = series.filter(({ name }) => name === 'millrace_restore_total_bytes')
  return totals.map(({ labels: { worker }, value: totalBytes }) => {
    const labels: Record<string, string> = worker === undefined ? {} : { worker }
    const share = (use: MemoryUse) => seriesValue(series, 'millrace_memory_share_bytes', { ...labels, use })
    const [cache, overlay, fetch] = MEMORY_USES.map(share) as [number, number, number]
    return {
      slot: Number(worker ?? 0),
      restore: { doneBytes: seriesValue(series, 'millrace_restore_done_bytes', labels), totalBytes },
      memory: Number.isNaN(cache) ? null : { cache, overlay, fetch },
    }
  })
}
