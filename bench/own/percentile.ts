/** The value below which the given share lies; of an ascending list, undefined of an empty one. */
export function percentile(sorted: readonly number[], share: number): number | undefined {
  return sorted[Math.floor(share * (sorted.length - 1))]
}
