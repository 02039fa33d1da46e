/**
 * A worker's part of the memory budget (docs/planning.md): measures what each use of memory gains, moves the shares, and
 * keeps their sum to what the resident memory of the process allows. It outlives epochs.
 */
import type { Clock } from '../common/clock.ts'
import type { Logger } from '../common/logger.ts'
import type { Config } from '../config/config.ts'
import { LEAST_SHARES } from '../config/memory-needs.ts'
import { type Consumer, type Shares, sumOf } from '../planning/memory/allocate.ts'
import { cacheGain, fetchGain, overlayGain } from '../planning/memory/gain-models.ts'
import { type MemoryUse, planWorkerMemory, type WorkerMemoryPlan } from '../planning/memory/initial-shares.ts'
import { rebalance } from '../planning/memory/rebalance.ts'
import { type Steering, steer } from '../planning/memory/steer.ts'
import { CacheMeter } from '../state/cache-meter.ts'
import type { MemoryStatus } from './memory-status.ts'
import type { WorkerStatus } from './worker-status.ts'

export interface WorkerMemoryParts {
  readonly config: Config
  readonly status: WorkerStatus
  readonly clock: Clock
  readonly logger: Logger
  /** Of the whole process. */
  readonly residentBytes: () => number
}

/** How often shares are looked at. */
export const REBALANCE_EVERY_MS = 5_000
/** Until some misses are measured: a read of RocksDB and decoding (docs/design/0003-rocksdb-binding.md). */
const MISS_SECONDS = 10e-6
const MISSES_THAT_TELL = 100
/** Time of the loop and of the log for one checkpoint, beside what its changes cost at any time. */
const CHECKPOINT_SECONDS = 0.05
const MOST_FETCH_BYTES = 256 * 2 ** 20
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

export class WorkerMemory implements MemoryStatus {
  readonly budgetBytes: number
  readonly meter: CacheMeter
  residentBytes = 0
  shares: Shares<MemoryUse>
  private readonly parts: WorkerMemoryParts
  private readonly plan: WorkerMemoryPlan
  private steering: Steering
  private told: Shares<MemoryUse>
  private last: Counts | undefined

  /** The config has a memory-budget. */
  constructor(parts: WorkerMemoryParts) {
    this.parts = parts
    this.budgetBytes = parts.config.memoryBudget
    this.meter = new CacheMeter(parts.clock)
    this.plan = planWorkerMemory(parts.config)
    this.shares = this.plan.shares
    this.told = this.shares
    this.steering = { sharedBytes: this.plan.sharedBytes, pause: 0 }
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

  /** Processing begins anew: what happened between two epochs tells nothing of load. */
  begin(): void {
    this.last = this.count()
    this.meter.ghosts.take()
  }

  /** Moves the shares by what the time since the last look has shown. */
  look(): void {
    const before = this.last
    const now = this.count()
    if (before === undefined || now.atMs <= before.atMs) return
    this.last = now
    const { residentBytes } = this.parts
    this.residentBytes = residentBytes()
    const { leastBytes, mostBytes } = this.plan
    this.steering = steer(this.steering, {
      budgetBytes: this.budgetBytes,
      residentBytes: this.residentBytes,
      usedBytes: Math.min(this.steering.sharedBytes, this.entryBytes() + this.fetchBytes),
      leastBytes,
      mostBytes,
    })
    const shares = rebalance(this.consumers(before, now), this.shares, this.steering.sharedBytes)
    if (shares === this.shares) return
    this.shares = shares
    this.tell()
  }

  private consumers(before: Counts, now: Counts): Consumer<MemoryUse>[] {
    const { status } = this.parts
    const seconds = (now.atMs - before.atMs) / 1_000
    const misses = now.misses - before.misses
    const ghosts = this.meter.ghosts.take()
    const changedBytes = status.observed?.state.overlayBytes ?? 0
    const cache = cacheGain(
      {
        usedBytes: Math.max(0, this.entryBytes() - changedBytes),
        capacityBytes: this.shareOf('cache') + Math.max(0, this.shareOf('overlay') - changedBytes),
        hitsPerSecond: Math.max(0, now.processed - before.processed - misses) / seconds,
        ghostHitsPerSecond: ghosts.hits / seconds,
        ghostBytes: ghosts.bytes,
        missSeconds: misses >= MISSES_THAT_TELL ? (now.loadMs - before.loadMs) / 1_000 / misses : MISS_SECONDS,
      },
      LEAST_SHARES.cache,
    )
    const overlay = overlayGain({
      fillBytesPerSecond: (now.sealedBytes - before.sealedBytes) / seconds,
      intervalSeconds: status.intervalMs / 1_000,
      durationSeconds: status.checkpoints.lastDurationMs / 1_000,
      checkpointSeconds: CHECKPOINT_SECONDS,
    })
    const starvedShare = Math.min(1, (now.starvedMs - before.starvedMs) / (now.atMs - before.atMs))
    const fetch = fetchGain({ budgetBytes: this.fetchBytes, starvedShare })
    const consumer = (name: MemoryUse, gain: (bytes: number) => number, maximumBytes = Number.POSITIVE_INFINITY) => {
      return { name, minimumBytes: LEAST_SHARES[name], maximumBytes, gain }
    }
    return [consumer('cache', cache), consumer('overlay', overlay), consumer('fetch', fetch, MOST_FETCH_BYTES)]
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
