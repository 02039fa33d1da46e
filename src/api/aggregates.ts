/**
 * Aggregate functions for `aggregate`. The built-in ones keep their accumulators as plain numbers in one array, so that
 * an update allocates nothing and encoding is a copy of doubles; `aggregator` takes any function of the user's own.
 */
import { MillraceError } from '../common/errors.ts'
import type { Slots } from '../graph/job-graph.ts'

/** An aggregate whose accumulator is `width` numbers, at `slots[at]` and behind. */
export interface NumericAggregate<T, R> {
  readonly kind: 'numeric'
  readonly name: string
  readonly width: number
  /** What the slots hold before the first record; `width` of them. */
  readonly initial: readonly number[]
  add(slots: Slots, at: number, value: T): void
  result(slots: Readonly<Slots>, at: number): R
  /** Adds the accumulator at `from[at]` to that at `into[at]`: session windows merge. */
  merge(into: Slots, from: Readonly<Slots>, at: number): void
}

/** An aggregate of the user's own, with any accumulator that the state codec can encode. */
export interface OwnAggregate<T, A, R> {
  readonly kind: 'own'
  readonly name: string
  create(): A
  /** Returns the new accumulator; may change and return the old one. */
  add(accumulator: A, value: T): A
  result(accumulator: A): R
  merge?(a: A, b: A): A
}

// The accumulator's type is private to each aggregate: a map of them holds it as `any`, the one boundary where it is lost.
// biome-ignore lint/suspicious/noExplicitAny: see above
export type Aggregate<T, R> = NumericAggregate<T, R> | OwnAggregate<T, any, R>

function numberOf(aggregate: string, value: unknown): number {
  if (typeof value === 'number' && !Number.isNaN(value)) return value
  throw new MillraceError('MR_AGGREGATE_NOT_A_NUMBER', `${aggregate}() was given ${describe(value)} where it needs a number`)
}

function describe(value: unknown): string {
  return value === undefined || value === null || typeof value === 'number' ? String(value) : `a ${typeof value}`
}

/** How many records. */
export function count<T>(): NumericAggregate<T, number> {
  return {
    kind: 'numeric',
    name: 'count',
    width: 1,
    initial: [0],
    add: (slots, at) => {
      slots[at]!++
    },
    result: (slots, at) => slots[at]!,
    merge: (into, from, at) => {
      into[at]! += from[at]!
    },
  }
}

/** The sum of a number of each record, in double precision, in the order of arrival. */
export function sum<T>(select: (value: T) => number): NumericAggregate<T, number> {
  return {
    kind: 'numeric',
    name: 'sum',
    width: 1,
    initial: [0],
    add: (slots, at, value) => {
      slots[at]! += numberOf('sum', select(value))
    },
    result: (slots, at) => slots[at]!,
    merge: (into, from, at) => {
      into[at]! += from[at]!
    },
  }
}

/** The least number. */
export function min<T>(select: (value: T) => number): NumericAggregate<T, number> {
  return extreme('min', Number.POSITIVE_INFINITY, Math.min, select)
}

/** The greatest number. */
export function max<T>(select: (value: T) => number): NumericAggregate<T, number> {
  return extreme('max', Number.NEGATIVE_INFINITY, Math.max, select)
}

function extreme<T>(
  name: string,
  start: number,
  pick: (a: number, b: number) => number,
  select: (value: T) => number,
): NumericAggregate<T, number> {
  return {
    kind: 'numeric',
    name,
    width: 1,
    initial: [start],
    add: (slots, at, value) => {
      slots[at] = pick(slots[at]!, numberOf(name, select(value)))
    },
    result: (slots, at) => slots[at]!,
    merge: (into, from, at) => {
      into[at] = pick(into[at]!, from[at]!)
    },
  }
}

/** The arithmetic mean of a number of each record. */
export function avg<T>(select: (value: T) => number): NumericAggregate<T, number> {
  return {
    kind: 'numeric',
    name: 'avg',
    width: 2,
    initial: [0, 0],
    add: (slots, at, value) => {
      slots[at]! += numberOf('avg', select(value))
      slots[at + 1]!++
    },
    result: (slots, at) => slots[at]! / slots[at + 1]!,
    merge: (into, from, at) => {
      into[at]! += from[at]!
      into[at + 1]! += from[at + 1]!
    },
  }
}

/**
 * An aggregate of your own.
 *
 * @example
 * const longest = aggregator({ create: () => '', add: (best, order: Order) => order.note.length > best.length ? order.note : best, result: (best) => best })
 */
export function aggregator<T, A, R>(definition: {
  /** Stands in the plan and guards stored state: a changed name refuses old state. Default `own`. */
  readonly name?: string
  readonly create: () => A
  readonly add: (accumulator: A, value: T) => A
  readonly result: (accumulator: A) => R
  readonly merge?: (a: A, b: A) => A
}): OwnAggregate<T, A, R> {
  return { kind: 'own', ...definition, name: definition.name ?? 'own' }
}
