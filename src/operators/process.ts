/** Runs user code with value state per key. */
import type { ProcessNode, ValueStateSpec } from '../graph/job-graph.ts'
import type { StateEntry } from '../state/state-entry.ts'
import type { StateTable } from '../state/state-table.ts'
import type { Emit, RecordContext } from './record-context.ts'

/** A value state as user code holds it: always that of the current key. */
class CurrentValue {
  private readonly spec: ValueStateSpec
  private readonly context: RecordContext
  private readonly table: StateTable<unknown>
  private readonly entries: readonly StateEntry<unknown>[]

  constructor(spec: ValueStateSpec, context: RecordContext, use: OpenedState) {
    this.spec = spec
    this.context = context
    this.table = use.table
    this.entries = use.entries
  }

  get(): unknown {
    const entry = this.entries[this.context.index]!
    this.table.protect(entry)
    return entry.value === undefined ? this.spec.initial?.() : entry.value
  }

  set(value: unknown): void {
    const entry = this.entries[this.context.index]!
    this.table.claim(entry)
    entry.value = value
  }

  clear(): void {
    this.set(undefined)
  }
}

export interface OpenedState {
  readonly table: StateTable<unknown>
  readonly entries: readonly StateEntry<unknown>[]
}

/**
 * @param states in the order of the node's
 * @param userKey gives the current key as user code sees it
 */
export function process(
  node: ProcessNode,
  context: RecordContext,
  states: readonly OpenedState[],
  userKey: () => unknown,
  next: Emit,
): Emit {
  const state: Record<string, CurrentValue> = {}
  let s = 0
  for (const [name, spec] of node.states) state[name] = new CurrentValue(spec, context, states[s++]!)
  const given = { key: undefined as unknown, timestamp: 0, watermark: Number.NEGATIVE_INFINITY, state }
  return (value) => {
    given.key = userKey()
    given.timestamp = context.timestamp
    given.watermark = context.watermark
    const emitted = node.onRecord(value, given)
    if (emitted === undefined) return
    for (const one of emitted) next(one)
  }
}
