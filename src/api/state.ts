/** State descriptors for `process`: what an operator keeps per key, by name. */
import type { AggregateSpec, StateFormat, StateSpec } from '../graph/job-graph.ts'
import type { KeyCodec } from '../ports/source.ts'
import type { TimeToLive } from '../records/time-to-live.ts'
import type { Aggregate } from './aggregates.ts'
import { type StateOptions, stateFormat, type TtlOption, timeToLive } from './state-options.ts'
import { textKeys } from './text-keys.ts'

/** Something whose values can be keys: a serde of `millrace/kafka`, or `numberKeys`. */
export interface HasKeyCodec<K> {
  readonly keyCodec: KeyCodec<K>
}

/** Describes one value per key. Make it with `valueState`. */
export interface ValueStateDescriptor<V> {
  readonly kind: 'value'
  readonly format: StateFormat
  /** What `get` gives where nothing was set yet. */
  readonly initial: (() => V) | undefined
}

/** What an operator sees of a value state: the value of the current key. */
export interface ValueState<V> {
  /**
   * The value of the current key, or the descriptor's initial one, or undefined. Treat it as read-only unless you `set`
   * it again: a change that is not set may or may not be seen later.
   */
  get(): V
  set(value: V): void
  /** Removes the value. */
  clear(): void
}

/** One value per key, undefined until set. */
export function valueState<V>(options?: StateOptions<V>): ValueStateDescriptor<V | undefined>
/** One value per key, beginning as `initial()`. */
export function valueState<V>(initial: () => V, options?: StateOptions<V>): ValueStateDescriptor<V>
export function valueState<V>(
  first?: (() => V) | StateOptions<V>,
  second?: StateOptions<V>,
): ValueStateDescriptor<V | undefined> {
  const initial = typeof first === 'function' ? first : undefined
  const options = typeof first === 'function' ? second : first
  return { kind: 'value', format: stateFormat(options), initial }
}

/** Describes a list per key. Make it with `listState`. */
export interface ListStateDescriptor<V> {
  readonly kind: 'list'
  readonly format: StateFormat
  /** Carries the type only. */
  readonly _element?: V
}

/** What an operator sees of a list state: the list of the current key. `for … of` goes through its elements. */
export interface ListState<V> extends Iterable<V> {
  /** In the order in which they were added; empty where there are none. Valid during the call only, and read-only. */
  get(): readonly V[]
  add(value: V): void
  /** Replaces the whole list. */
  set(values: Iterable<V>): void
  clear(): void
}

/**
 * A list per key. It is read and written as a whole, however little of it has changed: for more than some hundred elements
 * take a `mapState`.
 */
export function listState<V>(options?: StateOptions<V>): ListStateDescriptor<V> {
  return { kind: 'list', format: stateFormat(options) }
}

/** Describes a map per key. Make it with `mapState`. */
export interface MapStateDescriptor<K, V> {
  readonly kind: 'map'
  readonly format: StateFormat
  readonly keyCodec: KeyCodec<K>
  /** Carries the type only. */
  readonly _value?: V
}

/**
 * What an operator sees of a map state: the map of the current key. Without `reads` all of it is there. With `reads`
 * only what `reads` has named for the record, and what the call itself has set or loaded: other keys are looked up with
 * `load`, all of them with `scan`.
 */
export interface MapState<K, V> {
  /** @throws MR_STATE_NOT_FETCHED with `reads`, for keys that it did not name */
  get(key: K): V | undefined
  /** @throws MR_STATE_NOT_FETCHED like `get` */
  has(key: K): boolean
  /** For any key. */
  set(key: K, value: V): void
  /** For any key. */
  delete(key: K): void
  /** Ascending by the bytes of the keys. Throws MR_STATE_NOT_FETCHED with `reads`. */
  entries(): IterableIterator<[K, V]>
  /** Throws MR_STATE_NOT_FETCHED with `reads`. */
  keys(): IterableIterator<K>
  /** Throws MR_STATE_NOT_FETCHED with `reads`. */
  values(): IterableIterator<V>
  /** Removes all entries. Throws MR_STATE_NOT_FETCHED with `reads`. */
  clear(): void
  /** Looks up any key, in the backend if need be. */
  load(key: K): Promise<V | undefined>
  /** All entries, ascending by the bytes of the keys, without holding them in memory. Doesn't put off their expiry. */
  scan(): AsyncIterableIterator<[K, V]>
}

export interface MapStateOptions<K, V> extends StateOptions<V> {
  /** How keys of the map become bytes. Default: text. */
  readonly key?: HasKeyCodec<K>
}

/** A map per key, each of whose entries is read and written by itself. Keys are text, unless `options.key` says otherwise. */
export function mapState<K extends string, V>(options?: StateOptions<V>): MapStateDescriptor<K, V>
export function mapState<K, V>(options: MapStateOptions<K, V> & { readonly key: HasKeyCodec<K> }): MapStateDescriptor<K, V>
export function mapState<K, V>(options: MapStateOptions<K, V> = {}): MapStateDescriptor<K, V> {
  const keyCodec = options.key?.keyCodec ?? (textKeys as unknown as KeyCodec<K>)
  return { kind: 'map', format: stateFormat(options), keyCodec }
}

/** Describes a folded value per key. Make it with `reducingState`. */
export interface ReducingStateDescriptor<V> {
  readonly kind: 'reducing'
  readonly format: StateFormat
  readonly fn: (accumulated: V, value: V) => V
}

export interface ReducingState<V> {
  /** Undefined where nothing was added yet. Read-only. */
  get(): V | undefined
  /** Folds the value in; the first one is taken as it is. */
  add(value: V): void
  clear(): void
}

/** What `fn` makes of all values that were added, per key. */
export function reducingState<V>(fn: (accumulated: V, value: V) => V, options?: StateOptions<V>): ReducingStateDescriptor<V> {
  return { kind: 'reducing', format: stateFormat(options), fn }
}

/** Describes aggregates per key. Make it with `aggregatingState`. */
export interface AggregatingStateDescriptor<T, R> {
  readonly kind: 'aggregating'
  readonly aggregates: ReadonlyMap<string, AggregateSpec>
  readonly ttl: TimeToLive | undefined
  /** Carries the types only. */
  readonly _types?: (value: T) => R
}

export interface AggregatingState<T, R> {
  /** The results so far; undefined where nothing was added yet. */
  get(): R | undefined
  add(value: T): void
  clear(): void
}

/** `unknown`, so that `count()` takes anything: aggregates of something fit, since what they take is taken by methods. */
type AnyAggregates = Readonly<Record<string, Aggregate<unknown, unknown>>>

/** What all of the aggregates take. */
type InputOf<A> = { [N in keyof A]: A[N] extends Aggregate<infer T, unknown> ? (value: T) => void : never }[keyof A] extends (
  value: infer T,
) => void
  ? T
  : never

/** The results of aggregates, under their names. */
export type ResultsOf<A> = { readonly [N in keyof A]: A[N] extends Aggregate<never, infer R> ? R : never }

/** Aggregates per key, as `aggregate` has them: `count()`, `sum(of)` and the like. */
export function aggregatingState<A extends AnyAggregates>(
  aggregates: A,
  options: { readonly ttl?: TtlOption } = {},
): AggregatingStateDescriptor<InputOf<A>, ResultsOf<A>> {
  const specs = new Map(Object.entries(aggregates as unknown as Record<string, AggregateSpec>))
  return { kind: 'aggregating', aggregates: specs, ttl: timeToLive(options.ttl) }
}

// biome-ignore-start lint/suspicious/noExplicitAny: descriptors of any types
export type StateDescriptor =
  | ValueStateDescriptor<any>
  | ListStateDescriptor<any>
  | MapStateDescriptor<any, any>
  | ReducingStateDescriptor<any>
  | AggregatingStateDescriptor<any, any>
// biome-ignore-end lint/suspicious/noExplicitAny: see above

export type StateDescriptors = Readonly<Record<string, StateDescriptor>>

/** The states of descriptors, as `process` hands them to user code. */
export type StatesOf<D> = { readonly [N in keyof D]: StateOf<D[N]> }

type StateOf<D> =
  D extends ValueStateDescriptor<infer V>
    ? ValueState<V>
    : D extends ListStateDescriptor<infer V>
      ? ListState<V>
      : D extends MapStateDescriptor<infer K, infer V>
        ? MapState<K, V>
        : D extends ReducingStateDescriptor<infer V>
          ? ReducingState<V>
          : D extends AggregatingStateDescriptor<infer T, infer R>
            ? AggregatingState<T, R>
            : never

type MapNames<D> = { [N in keyof D]: D[N] extends { readonly kind: 'map' } ? N : never }[keyof D]

/** For map states: the keys of the map that the code will touch for a record. */
export type ReadsOf<D, T, K> = {
  readonly [N in MapNames<D>]?: (value: T, key: K) => D[N] extends MapStateDescriptor<infer M, infer _V> ? Iterable<M> : never
}

/** Lets the types go, as the graph does. */
export function stateSpecs(descriptors: StateDescriptors): ReadonlyMap<string, StateSpec> {
  return new Map(Object.entries(descriptors as Record<string, StateSpec>))
}
