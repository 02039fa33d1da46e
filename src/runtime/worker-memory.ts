/**
 * A worker's part of the memory budget (docs/planning.md): measures what each use of memory gains it, and takes the shares
 * that it is given for that. It outlives epochs.
 */
import type { Clock } from '../common/clock.ts'
import type { Logger } from '../common/logger.ts'
import type { Config } from '../config/config.ts'
import { type Shares, sumOf } from '../planning/memory/allocate.ts'
import type { CacheFacts, OverlayFacts } from '../planning/memory/gain-models.ts'
import { planWorkerMemory } from '../planning/memory/initial-shares.ts'
import { type GivenMemory, MEMORY_USES, type Measured, type MemoryUse } from '../planning/memory/memory-report.ts'
import { CacheMeter } from '../state/cache-meter.ts'
import type { SharingWorker } from './memory-sharing.ts'
import type { MemoryStatus } from './memory-status.ts'
import type { WorkerStatus } from './worker-status.ts'

export interface WorkerMemoryParts {
  readonly config: Config
  readonly status: WorkerStatus
  readonly clock: Clock
  readonly logger: Logger
  /** Of this thread. */
  readonly heapLimitBytes: number
}

/** Less tells more of chance than of load. */
const LEAST_WINDOW_MS = 2_500
/** Until some misses are measured: a read of RocksDB and decoding (docs/design/0003-rocksdb-binding.md). */
const MISS_SECONDS = 10e-6
const MISSES_THAT_TELL = 100
/** Time of the loop and of the log for one checkpoint, beside what its changes cost at any time. */
const CHECKPOINT_SECONDS = 0.05
/** A share that has changed by so much since it was last told of is logged. */
const TOLD_AT = 0.25

/** What is compared between two looks. */
interface Counts {
  readonly atMs: number
  readonly processed: number
  readonly misses: number
  readonly loadMs: number
  readonly sealedBytes: number
  readonly starvedMs: number
}

export class WorkerMemory implements MemoryStatus, SharingWorker {
  readonly budgetBytes: number
  readonly meter: CacheMeter
  residentBytes = 0
  sharedBytes: number
  meanCacheBytes: number
  shares: Shares<MemoryUse>
  private readonly parts: WorkerMemoryParts
  private told: Shares<MemoryUse>
  /** At the last look; undefined: no epoch runs. */
  private last: Counts | undefined
  private onChange: () => void = () => {}

  /** The config has a memory-budget. */
  constructor(parts: WorkerMemoryParts) {
    this.parts = parts
    this.budgetBytes = parts.config.memoryBudget
    this.meter = new CacheMeter(parts.clock)
    const { shares, sharedBytes } = planWorkerMemory(parts.config)
    this.shares = shares
    this.told = shares
    this.sharedBytes = parts.config.workers * sharedBytes
    this.meanCacheBytes = this.cacheBytes
  }

  /** Bound of all entries on the heap: changed ones are among them. */
  get cacheBytes(): number {
    return this.shareOf('cache') + this.shareOf('overlay')
  }

  get overlayBytes(): number {
    return this.shareOf('overlay')
  }

  /** Of all fetchers together. */
  get fetchBytes(): number {
    return this.shareOf('fetch')
  }

  /** For the fetchers of an epoch, which have equal parts: opens one, and tells what it may hold now. */
  shareFetching(): () => () => number {
    let fetchers = 0
    return () => {
      fetchers++
      return () => Math.floor(this.fetchBytes / fetchers)
    }
  }

  shareOf(use: MemoryUse): number {
    return this.shares.get(use) ?? 0
  }

  /**
   * Processing begins anew: what happened between two epochs tells nothing of load.
   *
   * @param onChange the shares are others than before; until `end`
   */
  begin(onChange: () => void): void {
    this.last = this.count()
    this.meter.ghosts.take()
    this.onChange = onChange
    onChange()
  }

  end(): void {
    this.last = undefined
    this.onChange = () => {}
  }

  measure(): Measured {
    const before = this.last
    if (before === undefined) return 'none'
    const now = this.count()
    if (now.atMs - before.atMs < LEAST_WINDOW_MS) return 'unknown'
    this.last = now
    const starvedShare = Math.min(1, (now.starvedMs - before.starvedMs) / (now.atMs - before.atMs))
    return {
      cache: this.cacheFacts(before, now),
      overlay: this.overlayFacts(before, now),
      fetch: { budgetBytes: this.fetchBytes, starvedShare },
      usedBytes: this.entryBytes() + this.fetchBytes,
      heapLimitBytes: this.parts.heapLimitBytes,
    }
  }

  take({ shares, sharedBytes, residentBytes, meanCacheBytes }: GivenMemory): void {
    this.sharedBytes = sharedBytes
    this.residentBytes = residentBytes
    this.meanCacheBytes = meanCacheBytes
    if (MEMORY_USES.every((use) => shares.get(use) === this.shares.get(use))) return
    this.shares = shares
    this.onChange()
    this.tell()
  }

  private cacheFacts(before: Counts, now: Counts): CacheFacts {
    const seconds = (now.atMs - before.atMs) / 1_000
    const misses = now.misses - before.misses
    const ghosts = this.meter.ghosts.take()
    const changedBytes = this.parts.status.observed?.state.overlayBytes ?? 0
    return {
      usedBytes: Math.max(0, this.entryBytes() - changedBytes),
      capacityBytes: this.shareOf('cache') + Math.max(0, this.shareOf('overlay') - changedBytes),
      hitsPerSecond: Math.max(0, now.processed - before.processed - misses) / seconds,
      ghostHitsPerSecond: ghosts.hits / seconds,
      ghostBytes: ghosts.bytes,
      missSeconds: misses >= MISSES_THAT_TELL ? (now.loadMs - before.loadMs) / 1_000 / misses : MISS_SECONDS,
    }
  }

  private overlayFacts(before: Counts, now: Counts): OverlayFacts {
    const { intervalMs, checkpoints } = this.parts.status
    return {
      fillBytesPerSecond: ((now.sealedBytes - before.sealedBytes) / (now.atMs - before.atMs)) * 1_000,
      intervalSeconds: intervalMs / 1_000,
      durationSeconds: checkpoints.lastDurationMs / 1_000,
      checkpointSeconds: CHECKPOINT_SECONDS,
    }
  }

  private entryBytes(): number {
    return this.parts.status.observed?.state.cache.usedBytes ?? 0
  }

  private count(): Counts {
    const { clock, status } = this.parts
    const { misses, loadMs, sealedBytes } = this.meter
    const { starvedMs } = status.load
    return { atMs: clock.monotonicMs(), processed: status.recordsProcessed, misses, loadMs, sealedBytes, starvedMs }
  }

  private tell(): void {
    const isNews = [...this.shares].some(([use, bytes]) => Math.abs(bytes / (this.told.get(use) ?? bytes) - 1) > TOLD_AT)
    if (!isNews) return
    this.told = this.shares
    this.parts.logger.info('memory-shares', {
      cacheBytes: this.shareOf('cache'),
      overlayBytes: this.shareOf('overlay'),
      fetchBytes: this.shareOf('fetch'),
      totalBytes: sumOf(this.shares),
      residentBytes: this.residentBytes,
    })
  }
}
