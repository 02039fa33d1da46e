/**
 * What belongs to the record that is being processed, beside its value. One object per task, changed from record to
 * record, so that operators pass nothing but values.
 */
export class RecordContext {
  /** Event time or the record's timestamp, ms since 1970. */
  timestamp = 0
  /** The key's bytes as a binary string; null where there is none, or where nothing in the task looks at it. */
  key: string | null = null
  /** Of the task: nothing with an earlier time is expected. -Infinity: not known. */
  watermark = Number.NEGATIVE_INFINITY
  /** Index of the record in the source's batch, for messages. */
  at = 0
  /** Index within the batch that keyed state was fetched for. */
  index = 0
  /** What operators are not done with for this record: the next one waits. */
  pending: Promise<unknown> | null = null

  await(work: Promise<unknown>): void {
    // Of several that fail only the first is awaited.
    work.catch(() => {})
    this.pending = this.pending === null ? work : Promise.all([this.pending, work])
  }

  /** Resolves when nothing is pending any more. */
  async settle(): Promise<void> {
    while (this.pending !== null) {
      const { pending } = this
      this.pending = null
      await pending
    }
  }
}

/** Takes a value to the operators behind. */
export type Emit = (value: unknown) => void
