/**
 * Shares the memory budget of a process out to its workers, by one figure of resident memory (docs/planning.md): every five
 * seconds each is asked what memory gains it, and told what it has. Workers come and go meanwhile.
 */
import type { Clock } from '../common/clock.ts'
import type { Config } from '../config/config.ts'
import type { GivenMemory, Measured } from '../planning/memory/memory-report.ts'
import { ProcessShares } from '../planning/memory/process-shares.ts'

/** A worker as whoever shares memory out sees it: in this thread or in another. */
export interface SharingWorker {
  /** Since the last call. Doesn't wait long, and doesn't reject. */
  measure(): Measured | Promise<Measured>
  take(given: GivenMemory): void
}

export interface MemorySharingParts {
  readonly config: Pick<Config, 'memoryBudget' | 'workers' | 'stateBackend'>
  readonly clock: Clock
  /** Of the process. */
  readonly residentBytes?: () => number
}

const REBALANCE_EVERY_MS = 5_000

export class MemorySharing {
  private readonly shares: ProcessShares
  private readonly residentBytes: () => number
  private readonly workers = new Map<number, SharingWorker>()
  private readonly stopTimer: () => void
  private isAsking = false

  /** The config has a memory-budget. */
  constructor({ config, clock, residentBytes = () => process.memoryUsage.rss() }: MemorySharingParts) {
    this.shares = new ProcessShares(config)
    this.residentBytes = residentBytes
    this.stopTimer = clock.every(REBALANCE_EVERY_MS, () => void this.round())
  }

  /** @returns takes it out again; its slot may have another one then */
  join(slot: number, worker: SharingWorker): () => void {
    this.workers.set(slot, worker)
    worker.take(this.shares.given(slot))
    return () => {
      if (this.workers.get(slot) === worker) this.workers.delete(slot)
      this.shares.report(slot, 'none')
    }
  }

  stop(): void {
    this.stopTimer()
  }

  /** Asked together, so that what they tell is of the same time. */
  async round(): Promise<void> {
    if (this.isAsking) return
    this.isAsking = true
    const asked = [...this.workers]
    const told = await Promise.all(asked.map(async ([slot, worker]) => ({ slot, worker, measured: await worker.measure() })))
    this.isAsking = false
    for (const { slot, worker, measured } of told) {
      if (this.workers.get(slot) === worker) this.shares.report(slot, measured)
    }
    this.shares.look(this.residentBytes())
    for (const [slot, worker] of this.workers) worker.take(this.shares.given(slot))
  }
}
