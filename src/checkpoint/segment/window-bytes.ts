const LARGEST_BYTES = 1024 * 1024
const LEAST_BYTES = 64 * 1024

/** Of a merge of so many runs within a budget: of each run one window is decoded while the next is fetched. */
export function windowBytesFor(runs: number, budgetBytes: number, leastBytes = LEAST_BYTES): number {
  const share = Math.floor(budgetBytes / Math.max(1, 2 * runs))
  return Math.min(LARGEST_BYTES, Math.max(leastBytes, share))
}
