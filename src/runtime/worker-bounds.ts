/** Sizes that are no options: right for everybody but simulations, which have too little time to reach them. */
export interface WorkerBounds {
  /** Records of the control log between two summaries. */
  readonly summaryEvery: number
  /** Up to this the result of a compaction rides along with the next segment: the checkpoint must not wait for its upload. */
  readonly rideBytes: number
  /** Else objects of its own are of this size: it bounds the memory, since an object is put whole. */
  readonly objectBytes: number
  /** Entries that the state backend is given in one step: handing them over holds the event loop, some 0.5 µs each. */
  readonly applyEntries: number
}

export const WORKER_BOUNDS: WorkerBounds = {
  // Some minutes of checkpoints, read in milliseconds.
  summaryEvery: 1_000,
  rideBytes: 2 * 1024 * 1024,
  objectBytes: 32 * 1024 * 1024,
  applyEntries: 8192,
}
