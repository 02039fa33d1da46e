/** What a process takes however little it is given to share out: so much a memory-budget must be above (docs/planning.md). */
import type { Config } from './config.ts'

const MIB = 2 ** 20

/** Node.js, the program and its libraries: what a job has before its first record. */
const PROCESS_BYTES = 96 * MIB
/**
 * Of each worker at full speed, whatever its shares: young generation, batches that are decoded and produced, segments that
 * are encoded, and what the collector hasn't taken back yet. Two workers that re-key take 315 to 321 MB without state to
 * speak of (docs/design/0006-scale-out.md).
 */
const WORKER_BYTES = 112 * MIB
/** RocksDB's block cache, table readers and threads. */
const ROCKSDB_BYTES = 24 * MIB

/** The least of what is shared out, for each worker. */
export const LEAST_SHARES = {
  cache: 4 * MIB,
  overlay: 8 * MIB,
  fetch: 2 * MIB,
  /** Two memtables. */
  writeBuffers: 8 * MIB,
} as const

type MemoryConfig = Pick<Config, 'workers' | 'stateBackend'>

/** What is not shared out. */
export function fixedBytes({ workers, stateBackend }: MemoryConfig): number {
  return PROCESS_BYTES + workers * (WORKER_BYTES + (stateBackend === 'rocksdb' ? ROCKSDB_BYTES : 0))
}

export function leastMemoryBudget(config: MemoryConfig): number {
  const { cache, overlay, fetch, writeBuffers } = LEAST_SHARES
  const perWorker = cache + overlay + fetch + (config.stateBackend === 'rocksdb' ? writeBuffers : 0)
  return fixedBytes(config) + config.workers * perWorker
}
