/**
 * The shares of all workers of a process, as one sum: each use of each worker is a consumer of its own, so the next mebibyte
 * goes to whom it gains most, in whatever worker. One that is idle gives to one that is loaded, down to its minimums.
 *
 * A worker that is gone keeps what it has until others would gain by it, and begins anew with what is left of that.
 */
import { defined } from '../../common/assert.ts'
import type { Config } from '../../config/config.ts'
import { LEAST_SHARES } from '../../config/memory-needs.ts'
import { type Consumer, type Shares, sumOf } from './allocate.ts'
import { cacheGain, fetchGain, overlayGain } from './gain-models.ts'
import { planWorkerMemory, type WorkerMemoryPlan } from './initial-shares.ts'
import { type GivenMemory, MEMORY_USES, type Measured, type MemoryReport, type MemoryUse } from './memory-report.ts'
import { rebalance } from './rebalance.ts'
import { type Steering, steer } from './steer.ts'

type ConsumerName = `${number} ${MemoryUse}`

/** So long a worker that doesn't answer counts as doing what it did. */
const ROUNDS_UNHEARD = 3
const MOST_FETCH_BYTES = 256 * 2 ** 20
/** Of a thread's heap: its entries, with what the collector hasn't taken back (half of them more), leave a tenth for the rest. */
const MOST_OF_HEAP = { cache: 0.4, overlay: 0.2 } as const

interface LastReport {
  readonly report: MemoryReport
  readonly unheard: number
}

export class ProcessShares {
  readonly budgetBytes: number
  residentBytes = 0
  private readonly plan: WorkerMemoryPlan
  private readonly workers: number
  private readonly reports = new Map<number, LastReport>()
  private shares: Shares<ConsumerName>
  private steering: Steering

  /** The config has a memory-budget. */
  constructor(config: Pick<Config, 'memoryBudget' | 'workers' | 'stateBackend'>) {
    this.budgetBytes = config.memoryBudget
    this.workers = config.workers
    this.plan = planWorkerMemory(config)
    this.shares = new Map(this.names().map(({ name, use }) => [name, this.plan.shares.get(use) ?? 0]))
    this.steering = { sharedBytes: this.workers * this.plan.sharedBytes, pause: 0 }
  }

  /** What all shares may come to. */
  get sharedBytes(): number {
    return this.steering.sharedBytes
  }

  given(slot: number): GivenMemory {
    const shares = new Map(MEMORY_USES.map((use) => [use, this.shareOf(slot, use)] as const))
    const { residentBytes, sharedBytes } = this
    let entries = 0
    for (const { slot, use } of this.names()) if (use !== 'fetch') entries += this.shareOf(slot, use)
    return { shares, sharedBytes, residentBytes, meanCacheBytes: Math.floor(entries / this.workers) }
  }

  /** Of each worker that is there, once a round. */
  report(slot: number, measured: Measured): void {
    const last = this.reports.get(slot)
    if (typeof measured === 'object') this.reports.set(slot, { report: measured, unheard: 0 })
    else if (measured === 'unknown' && last !== undefined && last.unheard < ROUNDS_UNHEARD) {
      this.reports.set(slot, { ...last, unheard: last.unheard + 1 })
    } else this.reports.delete(slot)
  }

  /** A round: moves the shares by what the workers have told. */
  look(residentBytes: number): void {
    if (this.reports.size === 0) return
    this.residentBytes = residentBytes
    let usedBytes = 0
    for (const { report } of this.reports.values()) usedBytes += report.usedBytes
    this.steering = steer(this.steering, {
      budgetBytes: this.budgetBytes,
      residentBytes,
      usedBytes: Math.min(this.steering.sharedBytes, usedBytes),
      leastBytes: this.workers * this.plan.leastBytes,
      mostBytes: this.workers * this.plan.mostBytes,
    })
    this.shares = rebalance(
      this.names().map(({ name, slot, use }) => consumerOf(name, use, this.reports.get(slot)?.report)),
      this.shares,
      this.steering.sharedBytes,
    )
  }

  /** Of all shares together. */
  get givenBytes(): number {
    return sumOf(this.shares)
  }

  private names() {
    return Array.from({ length: this.workers }, (_, slot) =>
      MEMORY_USES.map((use) => ({ name: nameOf(slot, use), slot, use })),
    ).flat()
  }

  private shareOf(slot: number, use: MemoryUse): number {
    return defined(this.shares.get(nameOf(slot, use)), 'share of a worker')
  }
}

function nameOf(slot: number, use: MemoryUse): ConsumerName {
  return `${slot} ${use}`
}

function consumerOf(name: ConsumerName, use: MemoryUse, report: MemoryReport | undefined): Consumer<ConsumerName> {
  const minimumBytes = LEAST_SHARES[use]
  if (report === undefined) return { name, minimumBytes, maximumBytes: minimumBytes, gain: () => 0 }
  const ofHeap = (share: number) => Math.max(minimumBytes, Math.floor(share * report.heapLimitBytes))
  switch (use) {
    case 'cache':
      return { name, minimumBytes, maximumBytes: ofHeap(MOST_OF_HEAP.cache), gain: cacheGain(report.cache, minimumBytes) }
    case 'overlay':
      return { name, minimumBytes, maximumBytes: ofHeap(MOST_OF_HEAP.overlay), gain: overlayGain(report.overlay) }
    case 'fetch':
      return { name, minimumBytes, maximumBytes: MOST_FETCH_BYTES, gain: fetchGain(report.fetch) }
  }
}
