export interface SeedRange {
  readonly from: number
  /** Undefined: as many as is usual. */
  readonly seeds: number | undefined
}
