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

/** Fetches, beside the states that every record of a key has, what the records of a batch need. */
export interface BatchFetcher {
  /** Null when it could be done at once. */
  fetch(values: readonly unknown[], keys: readonly string[]): Promise<void> | null
}

export class KeyedInput {
  private readonly context: RecordContext
  private readonly state: TaskState
  /** The states of the operators behind, with the entries of the batch: `entries[t][i]` for key i. */
  private readonly tables: StateTable<unknown>[] = []
  private readonly entries: StateEntry<unknown>[][] = []
  private readonly fetchers: BatchFetcher[] = []
  private next: Emit = () => {}
  private values: unknown[] = []
  private keys: string[] = []
  private timestamps: number[] = []
  private origins: number[] = []

  constructor(context: RecordContext, state: TaskState) {
    this.context = context
    this.state = state
  }

  /** Whether `runBatch` is possible: there is state, and all of it is found by keys alone. */
  get takesWholeBatches(): boolean {
    return this.tables.length > 0 && this.fetchers.length === 0
  }

  /** Declares a state of an operator behind. The array's element i is the entry of the record with `context.index` i. */
  use<V>(table: StateTable<V>): readonly StateEntry<V>[] {
    const entries: StateEntry<V>[] = []
    this.tables.push(table as StateTable<unknown>)
    this.entries.push(entries as StateEntry<unknown>[])
    return entries
  }

  /** What a fetcher has fetched is found by `context.index`, too. */
  fetchBy(fetcher: BatchFetcher): void {
    this.fetchers.push(fetcher)
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
    const { tables, keys, entries, values } = this
    let loading = this.state.prefetch(tables, keys, entries)
    for (const fetcher of this.fetchers) {
      const fetching = fetcher.fetch(values, keys)
      if (fetching !== null) loading = loading === null ? fetching : Promise.all([loading, fetching]).then(() => {})
    }
    const run = (from: number) => this.process(from)
    return loading === null ? this.toTheEnd(run) : loading.then(() => this.toTheEnd(run) ?? undefined)
  }

  /**
   * Processes a whole batch of the source, as `push` of each record and `run` would, where nothing stands between the source
   * and this input and it `takesWholeBatches`. Nothing is copied, and of a key with an entry no string is made.
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
      if (loading !== null) return loading.then(() => this.batchToTheEnd(batch) ?? undefined)
    }
    return this.batchToTheEnd(batch)
  }

  private batchToTheEnd(batch: SourceBatch<unknown>): Promise<void> | null {
    return this.toTheEnd((from) => this.processBatch(batch, from))
  }

  /**
   * @param run processes from a record on, as far as it can: up to the first that has something pending; returns how far it
   * came, -1 at the end
   */
  private toTheEnd(run: (from: number) => number): Promise<void> | null {
    const reached = run(0)
    return reached < 0 ? null : this.goOn(run, reached)
  }

  private async goOn(run: (from: number) => number, reached: number): Promise<void> {
    for (let next = reached; next >= 0; next = run(next)) await this.context.settle()
  }

  private process(from: number): number {
    const { context, values, keys, timestamps, origins, next } = this
    for (let i = from; i < values.length; i++) {
      context.timestamp = timestamps[i]!
      context.key = keys[i]!
      context.index = i
      context.at = origins[i]!
      next(values[i])
      if (context.pending !== null) return i + 1
    }
    this.values = []
    this.keys = []
    this.timestamps = []
    this.origins = []
    return -1
  }

  private processBatch({ count, values, timestamps }: SourceBatch<unknown>, from: number): number {
    const { context, next } = this
    const entries = this.entries[0]!
    for (let i = from; i < count; i++) {
      context.timestamp = timestamps[i]!
      context.key = entries[i]!.key
      context.index = i
      context.at = i
      next(values[i])
      if (context.pending !== null) return i + 1
    }
    return -1
  }
}

function withoutKey(): MillraceError {
  return new MillraceError('MR_RECORD_WITHOUT_KEY', 'a record without a key reached keyByRecordKey()')
}
