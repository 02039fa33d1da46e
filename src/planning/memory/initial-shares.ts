/** How a memory budget is shared out before anything is measured. */
import type { Config } from '../../config/config.ts'
import { fixedBytes, LEAST_SHARES } from '../../config/memory-needs.ts'
import type { Shares } from './allocate.ts'
import type { MemoryUse } from './memory-report.ts'

export interface WorkerMemoryPlan {
  /** Bytes of one memtable, of which there may be two; fixed once the database is open. */
  readonly writeBufferBytes: number
  readonly shares: Shares<MemoryUse>
  /** Of the shares together: what they begin with, and may come to. */
  readonly sharedBytes: number
  readonly mostBytes: number
  readonly leastBytes: number
}

/** Of a worker's memory, both memtables. */
const WRITE_BUFFER_SHARE = 0.1
const MOST_WRITE_BUFFER_BYTES = 64 * 2 ** 20
/** The heap is collected when it has grown by about so much. */
const HEAP_SLACK = 1.5
const REST = { cache: 0.6, overlay: 0.25, fetch: 0.15 } as const

export const LEAST_SHARED_BYTES = LEAST_SHARES.cache + LEAST_SHARES.overlay + LEAST_SHARES.fetch

/** The config's budget is at least `leastMemoryBudget`. */
export function planWorkerMemory(config: Pick<Config, 'memoryBudget' | 'workers' | 'stateBackend'>): WorkerMemoryPlan {
  const ofWorker = Math.floor((config.memoryBudget - fixedBytes(config)) / config.workers)
  const writeBuffers =
    config.stateBackend === 'rocksdb'
      ? Math.max(LEAST_SHARES.writeBuffers, Math.min(2 * MOST_WRITE_BUFFER_BYTES, Math.floor(ofWorker * WRITE_BUFFER_SHARE)))
      : 0
  const mostBytes = Math.max(LEAST_SHARED_BYTES, ofWorker - writeBuffers)
  const sharedBytes = Math.max(LEAST_SHARED_BYTES, Math.floor(mostBytes / HEAP_SLACK))
  const rest = sharedBytes - LEAST_SHARED_BYTES
  const share = (use: MemoryUse) => [use, LEAST_SHARES[use] + Math.floor(rest * REST[use])] as const
  return {
    writeBufferBytes: Math.floor(writeBuffers / 2),
    shares: new Map([share('cache'), share('overlay'), share('fetch')]),
    sharedBytes,
    mostBytes,
    leastBytes: LEAST_SHARED_BYTES,
  }
}
