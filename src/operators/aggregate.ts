/**
 * Keeps several aggregates per key. All built-in ones share one run of doubles, laid out by `planAccumulator`, so that
 * a record costs one state look-up and no allocation but the row it emits.
 */
import type { AggregateSpec } from '../graph/job-graph.ts'
import type { ValueCodec } from '../ports/value-codec.ts'
import type { AccumulatorTable } from '../state/accumulator-table.ts'
import { doubles, float64Array, messagePack } from '../state/codecs.ts'
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
  return { numeric, own, initial: doubles(initial), codec: { ...base, name: `aggregate(${fields})` } }
}

/** What an operator over built-in aggregates alone works with. */
export interface NumbersParts {
  readonly plan: AccumulatorPlan
  readonly context: RecordContext
  readonly table: AccumulatorTable
  readonly entries: readonly StateEntry<number>[]
  readonly next: Emit
}

/**
 * Generated for its plan: V8 makes the row by one allocation and calls each function of an aggregate where it stands, hence
 * inlines it. A loop over the fields costs twice as much. Nothing of the job gets into the code but quoted names of fields.
 */
export function aggregateNumbers(parts: NumbersParts): Emit {
  const { plan } = parts
  const adds = plan.numeric.map(({ at }, i) => `add${i}(slots, offset + ${at}, value)`)
  const fields = plan.numeric.map(({ field, at }, i) => `${JSON.stringify(field)}: result${i}(slots, offset + ${at})`)
  const source = `
    const { context, table, entries, next, plan: { initial, numeric } } = parts
    const { store } = table
    const [${plan.numeric.map((_, i) => `{ spec: { add: add${i}, result: result${i} } }`).join(', ')}] = numeric
    return function aggregateNumbers(value) {
      const entry = entries[context.index]
      table.claim(entry)
      const place = entry.value ?? (entry.value = store.add(initial))
      const slots = store.chunk(place)
      const offset = store.offset(place)
      ${adds.join('\n')}
      next({ key: table.userKey(entry), ${fields.join(', ')} })
    }`
  let make: (parts: NumbersParts) => Emit
  try {
    make = new Function('parts', source) as typeof make
  } catch {
    // Compiling code from text may be switched off (--disallow-code-generation-from-strings).
    make = aggregateInALoop
  }
  return make(parts)
}

function aggregateInALoop({ plan: { numeric, initial }, context, table, entries, next }: NumbersParts): Emit {
  const { store } = table
  return (value) => {
    const entry = entries[context.index]!
    table.claim(entry)
    const place = (entry.value ??= store.add(initial))
    const slots = store.chunk(place)
    const offset = store.offset(place)
    const row: Record<string, unknown> = { key: table.userKey(entry) }
    for (const { spec, at } of numeric) spec.add(slots, offset + at, value)
    for (const { spec, at, field } of numeric) row[field] = spec.result(slots, offset + at)
    next(row)
  }
}

/** Own aggregates, alone or beside built-in ones. */
export function aggregateAnything(
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
