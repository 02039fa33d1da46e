/** What the standby copies of a worker are. Plain numbers, for metrics. */
export interface StandbyStatistics {
  /** That this worker follows. */
  tasks: number
  /** The oldest checkpoint that one of them is; 0 before the first. */
  checkpoint: number
  /** How many checkpoint numbers that is behind the last completed one. */
  lagCheckpoints: number
  /** What is still to be fetched for it. */
  lagBytes: number
  fetchedBytes: number
  /** Rounds that failed and are tried again. */
  failures: number
}

export function noStandby(): StandbyStatistics {
  return { tasks: 0, checkpoint: 0, lagCheckpoints: 0, lagBytes: 0, fetchedBytes: 0, failures: 0 }
}
