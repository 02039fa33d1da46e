/** The states of `process` as user code holds them: always those of the current key. */
import type { AggregatingStateSpec, ReducingStateSpec, ValueStateSpec } from '../graph/job-graph.ts'
import type { StateEntry } from '../state/state-entry.ts'
import type { StateTable } from '../state/state-table.ts'
import { type Accumulator, planAccumulator } from './aggregate.ts'
import type { RecordContext } from './record-context.ts'

export interface OpenedState {
  readonly table: StateTable<unknown>
  readonly entries: readonly StateEntry<unknown>[]
}

/** Estimated heap of an element that is added to a list, until it is encoded. */
const ELEMENT_BYTES = 100

abstract class CurrentState<V> {
  protected readonly table: StateTable<V>
  private readonly context: RecordContext
  private readonly entries: readonly StateEntry<V>[]

  constructor(context: RecordContext, { table, entries }: OpenedState) {
    this.context = context
    this.table = table as StateTable<V>
    this.entries = entries as readonly StateEntry<V>[]
  }

  clear(): void {
    this.toChange().value = undefined
  }

  protected toRead(): StateEntry<V> {
    const entry = this.entries[this.context.index]!
    this.table.protect(entry)
    return entry
  }

  protected toChange(): StateEntry<V> {
    const entry = this.entries[this.context.index]!
    this.table.claim(entry)
    return entry
  }
}

export class CurrentValue extends CurrentState<unknown> {
  private readonly initial: (() => unknown) | undefined

  constructor(spec: ValueStateSpec, context: RecordContext, state: OpenedState) {
    super(context, state)
    this.initial = spec.initial
  }

  get(): unknown {
    const { value } = this.toRead()
    return value === undefined ? this.initial?.() : value
  }

  set(value: unknown): void {
    this.toChange().value = value
  }
}

/** An empty list has no value. */
export class CurrentList extends CurrentState<unknown[]> {
  get(): readonly unknown[] {
    return this.toRead().value ?? []
  }

  /** Up to the length at the beginning: a loop may add. */
  *[Symbol.iterator](): IterableIterator<unknown> {
    const list = this.get()
    const { length } = list
    for (let i = 0; i < length; i++) yield list[i]
  }

  add(value: unknown): void {
    const entry = this.toChange()
    if (entry.value === undefined) entry.value = [value]
    else entry.value.push(value)
    this.table.grow(entry, ELEMENT_BYTES)
  }

  set(values: Iterable<unknown>): void {
    const list = [...values]
    const entry = this.toChange()
    const added = list.length - (entry.value?.length ?? 0)
    entry.value = list.length === 0 ? undefined : list
    this.table.grow(entry, added * ELEMENT_BYTES)
  }
}

export class CurrentReducing extends CurrentState<unknown> {
  private readonly fn: ReducingStateSpec['fn']

  constructor(spec: ReducingStateSpec, context: RecordContext, state: OpenedState) {
    super(context, state)
    this.fn = spec.fn
  }

  get(): unknown {
    return this.toRead().value
  }

  add(value: unknown): void {
    const entry = this.toChange()
    entry.value = entry.value === undefined ? value : this.fn(entry.value, value)
  }
}

export class CurrentAggregates extends CurrentState<Accumulator> {
  private readonly plan: ReturnType<typeof planAccumulator>

  constructor(spec: AggregatingStateSpec, context: RecordContext, state: OpenedState) {
    super(context, state)
    this.plan = planAccumulator(spec.aggregates)
  }

  get(): Record<string, unknown> | undefined {
    const { value } = this.toRead()
    if (value === undefined) return undefined
    const { numeric, own } = this.plan
    const [slots, others] = this.parts(value)
    const results: Record<string, unknown> = {}
    for (const { spec, at, field } of numeric) results[field] = spec.result(slots, at)
    for (const { spec, at, field } of own) results[field] = spec.result(others[at])
    return results
  }

  add(value: unknown): void {
    const { numeric, own } = this.plan
    const entry = this.toChange()
    const [slots, others] = this.parts((entry.value ??= this.begin()))
    for (const { spec, at } of numeric) spec.add(slots, at, value)
    for (const { spec, at } of own) others[at] = spec.add(others[at], value)
  }

  private begin(): Accumulator {
    const { initial, own } = this.plan
    return own.length === 0 ? initial.slice() : [initial.slice(), own.map(({ spec }) => spec.create())]
  }

  private parts(value: Accumulator): [number[], unknown[]] {
    return this.plan.own.length === 0 ? [value as number[], []] : (value as [number[], unknown[]])
  }
}
