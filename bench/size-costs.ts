/** What the work `size` finds out besides. Sizes in MB are 2^20 bytes. */

export interface SizeCosts {
  readonly engine: string
  readonly keys: number
  readonly wordBytes: number
  /** Of the checkpoint behind the load: each key was written once. */
  readonly liveBytes: number
  /** False: all that lay in the storage then. */
  readonly isLiveExact: boolean
  readonly load: readonly LoadPart[]
  readonly steady: Steady
  readonly starts: readonly StartAgain[]
}

export interface LoadPart {
  /** In the state at its end. */
  readonly keys: number
  readonly recordsPerSecond: number
  readonly peakRssMb: number
}

export interface Steady {
  readonly rate: number
  readonly seconds: number
  readonly peakRssMb: number
  readonly checkpoints: readonly SteadyCheckpoint[]
  /** Sampled each second: bytes in the storage ÷ live bytes. */
  readonly storageFactors: readonly number[]
  /** Of each checkpoint: bytes that a restore of it reads ÷ live bytes. None where they aren't known. */
  readonly restoreFactors: readonly number[]
}

export interface SteadyCheckpoint {
  readonly durationMs: number
  /** That it wrote. */
  readonly bytes: number
  /** Of them those of changes, without merged older ones that rode along. */
  readonly changedBytes?: number
  readonly changedKeys?: number
}

export interface StartAgain {
  readonly from: 'checkpoints' | 'local state'
  /** From the start of the process until a record reaches the job's code, and to newly committed output. */
  readonly firstRecordMs: number
  readonly firstOutputMs: number
  /** The state alone, as the log says it. */
  readonly restoreMs?: number
  readonly fetchedBytes?: number
  readonly peakRssMb: number
}
