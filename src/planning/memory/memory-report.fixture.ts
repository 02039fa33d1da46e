/** What workers tell of their memory, for tests. */
import type { MemoryReport } from './memory-report.ts'

const MIB = 2 ** 20
const HEAP_LIMIT_BYTES = 4096 * MIB

/** A worker that has nothing to do. */
export const IDLE: MemoryReport = {
  cache: { usedBytes: 0, capacityBytes: 50 * MIB, hitsPerSecond: 0, ghostHitsPerSecond: 0, ghostBytes: 0, missSeconds: 1e-5 },
  overlay: { fillBytesPerSecond: 0, intervalSeconds: 10, durationSeconds: 0.5, checkpointSeconds: 0.05 },
  fetch: { budgetBytes: 8 * MIB, starvedShare: 0 },
  usedBytes: 8 * MIB,
  heapLimitBytes: HEAP_LIMIT_BYTES,
}

/** One whose cache of so many bytes loses what it needs again: the less, the larger it is. */
export function loaded(cacheBytes: number, missesPerSecondAt100MiB = 20_000): MemoryReport {
  return {
    ...IDLE,
    cache: {
      usedBytes: cacheBytes,
      capacityBytes: cacheBytes,
      hitsPerSecond: 50_000,
      ghostHitsPerSecond: (missesPerSecondAt100MiB * 100 * MIB) / Math.max(cacheBytes, MIB),
      ghostBytes: 100 * MIB,
      missSeconds: 1e-5,
    },
    usedBytes: cacheBytes + 8 * MIB,
  }
}
