/**
 * The control log: the totally ordered record of all decisions of one job (R1 to R3 of docs/protocol.md). A one-partition Kafka topic;
 * in tests an array. Nobody acts on a record before reading it back (R2): `append` only says where it landed, and an
 * append that failed may still land later.
 */
export interface ControlLogEntry {
  readonly offset: number
  readonly value: Buffer
}

export interface ControlLog {
  /** Creates the log if it is missing and checks its settings. `created`: there was none before. */
  open(): Promise<{ readonly created: boolean }>
  /** Appends values as one atomic batch, in order; the offset of the first. Throws MR_CONTROL_LOG_… */
  append(values: readonly Buffer[]): Promise<number>
  /** The next offset behind the last entry that exists now. */
  endOffset(): Promise<number>
  /**
   * Entries from `offset` on, as they come, in order and without gaps but those of trimming. Ends when `signal` is
   * aborted; throws when the log cannot be read any more.
   */
  tail(offset: number, signal: AbortSignal): AsyncIterable<readonly ControlLogEntry[]>
  /** Deletes the entries below `offset`, at which a summary stands (R1). */
  trim(offset: number): Promise<void>
  close(): Promise<void>
}
