/** What a process takes however little it is given to share out: so much a memory-budget must be above (docs/planning.md). */
import type { Config } from './config.ts'

const MIB = 2 ** 20

/** Node.js, the program, its libraries and a young generation; measured with jobs that do nothing: 75 to 95 MiB. */
const PROCESS_BYTES = 96 * MIB
/** Of a worker in a thread of its own. */
const THREAD_BYTES = 48 * MIB
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
  const threads = workers > 1 ? workers * THREAD_BYTES : 0
  return PROCESS_BYTES + threads + (stateBackend === 'rocksdb' ? workers * ROCKSDB_BYTES : 0)
}

export function leastMemoryBudget(config: MemoryConfig): number {
  const { cache, overlay, fetch, writeBuffers } = LEAST_SHARES
  const perWorker = cache + overlay + fetch + (config.stateBackend === 'rocksdb' ? writeBuffers : 0)
  return fixedBytes(config) + config.workers * perWorker
}
