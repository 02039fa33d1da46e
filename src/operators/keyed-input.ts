/**
 * Where a task turns from records to keys: gathers the batch, fetches all state that it will touch with one multi-get,
 * and then runs the keyed operators, which find their state synchronously.
 */
import { MillraceError } from '../common/errors.ts'
import type { StateEntry } from '../state/state-entry.ts'
import type { StateTable } from '../state/state-table.ts'
import type { TaskState } from '../state/task-state.ts'
import type { Emit, RecordContext } from './record-context.ts'

export class KeyedInput {
  private readonly context: RecordContext
  private readonly state: TaskState
  /** The states of the operators behind, with the entries of the batch: `entries[t][i]` for key i. */
  private readonly tables: StateTable<unknown>[] = []
  private readonly entries: StateEntry<unknown>[][] = []
  private next: Emit = () => {}
  private values: unknown[] = []
  private keys: string[] = []
  private timestamps: number[] = []
  private origins: number[] = []

  constructor(context: RecordContext, state: TaskState) {
    this.context = context
    this.state = state
  }

  /** Declares a state of an operator behind. The array's element i is the entry of the record with `context.index` i. */
  use(table: StateTable<unknown>): readonly StateEntry<unknown>[] {
    const entries: StateEntry<unknown>[] = []
    this.tables.push(table)
    this.entries.push(entries)
    return entries
  }

  connect(next: Emit): void {
    this.next = next
  }

  readonly push: Emit = (value) => {
    const { key, timestamp, at } = this.context
    if (key === null) throw new MillraceError('MR_RECORD_WITHOUT_KEY', 'a record without a key reached keyByRecordKey()')
    this.values.push(value)
    this.keys.push(key)
    this.timestamps.push(timestamp)
    this.origins.push(at)
  }

  /** Processes what was gathered. Null when it could be done at once: all state was on the heap. */
  run(nowMs: number): Promise<void> | null {
    if (this.values.length === 0) return null
    const loading = this.state.prefetch(this.tables, this.keys, this.entries, nowMs)
    if (loading !== null) return loading.then(() => this.process())
    this.process()
    return null
  }

  private process(): void {
    const { context, values, keys, timestamps, origins, next } = this
    for (let i = 0; i < values.length; i++) {
      context.timestamp = timestamps[i]!
      context.key = keys[i]!
      context.index = i
      context.at = origins[i]!
      next(values[i])
    }
    this.values = []
    this.keys = []
    this.timestamps = []
    this.origins = []
  }
}
