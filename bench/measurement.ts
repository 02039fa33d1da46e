/** What one run of one engine gave, whichever driver measured it. Absent: not measured here. */
export interface Measurement {
  /** All output is there and every final value is right. */
  readonly isRight: boolean
  /** Why it isn't, for people. */
  readonly problem?: string
  readonly values: Values
}

/** All of these are medians in a report, hence flat and numeric. Sizes in MB are 2^20 bytes. */
export interface Values {
  readonly records?: number
  /** Records through the first record in user code to the last committed output. */
  readonly recordsPerSecond?: number
  /** From the start of the process on. */
  readonly recordsPerSecondWithStart?: number
  /** Output a second behind the first 30 %: warm. */
  readonly steadyPerSecond?: number
  readonly startToFirstRecordMs?: number
  readonly firstCommitMs?: number
  /** Of the engine's processes, from their start to the last output. */
  readonly cpuSecondsPerMillion?: number
  readonly brokerCpuSecondsPerMillion?: number
  readonly peakRssMb?: number
  readonly stateDirectoryMb?: number
  readonly checkpoints?: number
  readonly checkpointMs?: number
  readonly checkpointKb?: number
  /** Files that appear in the checkpoint storage. */
  readonly filesPerCheckpoint?: number
  /** Keys whose final value is wrong, and updates that don't follow the one before: 0 and 0. */
  readonly wrongKeys?: number
  readonly repeatedOrMissing?: number
  /** SIGKILL, then from the start of the new process to the first newly committed output, and to its first record. */
  readonly recoveryMs?: number
  readonly recoveryFirstRecordMs?: number
  /** failover: output of the first partition that has some again; recoveryMs is that of the last. */
  readonly firstOutputMs?: number
  /** failover, from the kill on: a worker notices, an epoch is claimed, it runs. */
  readonly noticedMs?: number
  readonly claimedMs?: number
  readonly startedMs?: number
  /** How long cuts held up processing. */
  readonly pauseP50Ms?: number
  readonly pauseP99Ms?: number
  readonly pauseMaxMs?: number
  /** The state alone: from checkpoints, and with what the local disk still has. */
  readonly restoreMs?: number
  readonly restoreLocalMs?: number
  /** From the time at which a record was due to be sent to its update's being read as committed. */
  readonly p50Ms?: number
  readonly p90Ms?: number
  readonly p99Ms?: number
  readonly maxMs?: number
  readonly cpuPercent?: number
  /** Processor cores that other programs used meanwhile: above 0.25 a run counts as disturbed. */
  readonly foreignCores?: number
}

/** What the work `checkpoint` finds out besides. */
export interface CheckpointCosts {
  readonly phases: readonly PhaseCosts[]
  readonly restores: readonly Restore[]
}

/** Medians over the checkpoints of a phase; those at its borders are left out. */
export interface PhaseCosts {
  readonly phase: string
  readonly checkpoints: number
  readonly changedKeys: number
  readonly kilobytes: number
  readonly bytesPerChangedKey: number
  readonly pauseMaxMs: number
}

export interface Restore {
  readonly from: 'checkpoints' | 'local state'
  readonly keys: number
  /** Of the state alone, as the log says it. */
  readonly restoreMs: number
  readonly fetchedMb: number
  /** From the start of the process until it processes again. */
  readonly startedMs: number
}

export type ValueName = keyof Values

/** Runs beside which other programs used more cores than this say little. */
export const DISTURBED_CORES = 0.25

/** The values that are there. */
export function known(values: { readonly [N in ValueName]?: number | undefined }): Values {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}
