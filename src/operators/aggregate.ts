/**
 * Keeps several aggregates per key. All built-in ones share one array of doubles, laid out by `planAccumulator`, so that
 * a record costs one state look-up and no allocation but the row it emits.
 */
import type { AggregateSpec } from '../graph/job-graph.ts'
import type { ValueCodec } from '../ports/value-codec.ts'
import { float64Array, messagePack } from '../state/codecs.ts'
import type { StateEntry } from '../state/state-entry.ts'
import type { StateTable } from '../state/state-table.ts'
import type { Emit, RecordContext } from './record-context.ts'

type NumericSpec = Extract<AggregateSpec, { kind: 'numeric' }>
type OwnSpec = Extract<AggregateSpec, { kind: 'own' }>

/** Only numeric aggregates: their slots. With own ones: [slots, own accumulators]. */
export type Accumulator = number[] | [number[], unknown[]]

interface Placed<S> {
  readonly field: string
  readonly spec: S
  readonly at: number
}

export interface AccumulatorPlan {
  readonly numeric: readonly Placed<NumericSpec>[]
  readonly own: readonly Placed<OwnSpec>[]
  readonly initial: readonly number[]
  readonly codec: ValueCodec<Accumulator>
}

export function planAccumulator(aggregates: ReadonlyMap<string, AggregateSpec>): AccumulatorPlan {
  const numeric: Placed<NumericSpec>[] = []
  const own: Placed<OwnSpec>[] = []
  const initial: number[] = []
  // By name, so that writing the fields in another order changes nothing.
  const byName = [...aggregates].sort(([a], [b]) => (a < b ? -1 : 1))
  for (const [field, spec] of byName) {
    if (spec.kind === 'own') {
      own.push({ field, spec, at: own.length })
    } else {
      numeric.push({ field, spec, at: initial.length })
      initial.push(...spec.initial)
    }
  }
  const base =
    own.length === 0 ? (float64Array(initial.length) as ValueCodec<Accumulator>) : (messagePack as ValueCodec<Accumulator>)
  // Fields and kinds stand in the codec's name, so that a stored sum is never taken for a count or for another sum.
  const fields = byName.map(([field, spec]) => `${field}:${spec.name}`).join(',')
  return { numeric, own, initial, codec: { ...base, name: `aggregate(${fields})` } }
}

export function aggregate(
  plan: AccumulatorPlan,
  context: RecordContext,
  table: StateTable<unknown>,
  entries: readonly StateEntry<unknown>[],
  next: Emit,
): Emit {
  return plan.own.length === 0
    ? aggregateNumbers(plan, context, table, entries, next)
    : aggregateAnything(plan, context, table, entries, next)
}

function aggregateNumbers(
  { numeric, initial }: AccumulatorPlan,
  context: RecordContext,
  table: StateTable<unknown>,
  entries: readonly StateEntry<unknown>[],
  next: Emit,
): Emit {
  return (value) => {
    const entry = entries[context.index] as StateEntry<number[]>
    table.claim(entry)
    const slots = (entry.value ??= initial.slice())
    const row: Record<string, unknown> = { key: table.userKey(entry) }
    for (let i = 0; i < numeric.length; i++) {
      const { spec, at, field } = numeric[i]!
      spec.add(slots, at, value)
      row[field] = spec.result(slots, at)
    }
    next(row)
  }
}

function aggregateAnything(
  { numeric, own, initial }: AccumulatorPlan,
  context: RecordContext,
  table: StateTable<unknown>,
  entries: readonly StateEntry<unknown>[],
  next: Emit,
): Emit {
  return (value) => {
    const entry = entries[context.index] as StateEntry<[number[], unknown[]]>
    table.claim(entry)
    const [slots, others] = (entry.value ??= [initial.slice(), own.map(({ spec }) => spec.create())])
    const row: Record<string, unknown> = { key: table.userKey(entry) }
    for (const { spec, at, field } of numeric) {
      spec.add(slots, at, value)
      row[field] = spec.result(slots, at)
    }
    for (const { spec, at, field } of own) {
      others[at] = spec.add(others[at], value)
      row[field] = spec.result(others[at])
    }
    next(row)
  }
}
