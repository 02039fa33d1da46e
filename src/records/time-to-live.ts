/** How long the values of a state live. */
export interface TimeToLive {
  readonly afterMs: number
  /** What makes it begin anew: writing the value, or reading it too. */
  readonly refresh: 'write' | 'read-and-write'
}
