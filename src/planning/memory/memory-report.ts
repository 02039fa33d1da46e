/** What a worker and whoever shares the memory of the process out tell one another: plain values, as threads post them. */
import type { Shares } from './allocate.ts'
import type { CacheFacts, FetchFacts, OverlayFacts } from './gain-models.ts'

/** What a worker's memory goes to, and can be changed while it runs. */
export const MEMORY_USES = ['cache', 'overlay', 'fetch'] as const
export type MemoryUse = (typeof MEMORY_USES)[number]

/** What a worker's memory gains it: the parameters of its curves, which are concave by their form. Of some seconds. */
export interface MemoryReport {
  readonly cache: CacheFacts
  readonly overlay: OverlayFacts
  readonly fetch: FetchFacts
  /** Of all its shares. */
  readonly usedBytes: number
  /** Of its thread: entries live there. */
  readonly heapLimitBytes: number
}

/** `none`: nothing runs, so nothing would gain. `unknown`: what it said last stands for a while. */
export type Measured = MemoryReport | 'none' | 'unknown'

/** What a worker has from now on. */
export interface GivenMemory {
  readonly shares: Shares<MemoryUse>
  /** Of the process: what all shares of its workers may come to. */
  readonly sharedBytes: number
  readonly residentBytes: number
  /** Bound of the entries on the heap, of its workers on average. */
  readonly meanCacheBytes: number
}
