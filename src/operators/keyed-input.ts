/**
 * Where a task turns from records to keys: gathers the batch, fetches all state that it will touch with one multi-get,
 * and then runs the keyed operators, which find their state synchronously.
 */
import { MillraceError } from '../common/errors.ts'
import { shortText } from '../common/short-text.ts'
import type { SourceBatch } from '../ports/source.ts'
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

  get hasState(): boolean {
    return this.tables.length > 0
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

  /** Gathers one record, for `run`. */
  readonly push: Emit = (value) => {
    const { key, timestamp, at } = this.context
    if (key === null) throw withoutKey()
    this.values.push(value)
    this.keys.push(key)
    this.timestamps.push(timestamp)
    this.origins.push(at)
  }

  /** Processes what was gathered. Null when it could be done at once: all state was on the heap. */
  run(nowMs: number): Promise<void> | null {
    if (this.values.length === 0) return null
    this.state.advance(nowMs)
    const loading = this.state.prefetch(this.tables, this.keys, this.entries)
    if (loading !== null) return loading.then(() => this.process())
    this.process()
    return null
  }

  /**
   * Processes a whole batch of the source, as `push` of each record and `run` would, where nothing stands between the source
   * and this input and there is state behind it. Nothing is copied, and of a key with an entry no string is made.
   */
  runBatch(batch: SourceBatch<unknown>, nowMs: number): Promise<void> | null {
    const { count, keyBytes, keyStarts, keyEnds } = batch
    const { tables, entries, context } = this
    this.state.advance(nowMs)
    const table = tables[0]!
    const found = entries[0]!
    found.length = count
    let isOnHeap = tables.length === 1
    for (let i = 0; i < count; i++) {
      const start = keyStarts[i]!
      if (start < 0) {
        context.at = i
        throw withoutKey()
      }
      const entry = table.findBytes(keyBytes, start, keyEnds[i]!)
      if (entry === undefined) isOnHeap = false
      else found[i] = entry
    }
    if (!isOnHeap) {
      const keys: string[] = []
      for (let i = 0; i < count; i++) keys.push(shortText(keyBytes, keyStarts[i]!, keyEnds[i]!))
      const loading = this.state.prefetch(tables, keys, entries)
      if (loading !== null) return loading.then(() => this.processBatch(batch))
    }
    this.processBatch(batch)
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

  private processBatch({ count, values, timestamps }: SourceBatch<unknown>): void {
    const { context, next } = this
    const entries = this.entries[0]!
    for (let i = 0; i < count; i++) {
      context.timestamp = timestamps[i]!
      context.key = entries[i]!.key
      context.index = i
      context.at = i
      next(values[i])
    }
  }
}

function withoutKey(): MillraceError {
  return new MillraceError('MR_RECORD_WITHOUT_KEY', 'a record without a key reached keyByRecordKey()')
}
