/** The fluent interface: each call adds a node to the graph and returns what flows out of it. Nothing runs here. */
import type { AggregateSpec, Emitted, ProcessContext, ProcessNode, StatefulNode } from '../graph/job-graph.ts'
import type { KeyCodec } from '../ports/source.ts'
import type { Sink } from '../ports/transactional-sink.ts'
import type { ValueCodec } from '../ports/value-codec.ts'
import type { Aggregate } from './aggregates.ts'
import type { GraphBuilder } from './graph-builder.ts'
import { type HasKeyCodec, type ReadsOf, type StateDescriptors, type StatesOf, stateSpecs } from './state.ts'
import { type StateOptions, stateFormat, type TtlOption, timeToLive } from './state-options.ts'
import { textKeys } from './text-keys.ts'

/** A row that `aggregate` emits: the key, and the result of each aggregate under its name. */
export type AggregateRow<K, A> = { readonly key: K } & {
  readonly [N in keyof A]: A[N] extends Aggregate<never, infer R> ? R : never
}

export interface KeyByOptions<T> {
  /** Of the internal topic, `<app>.exchange.<name>`, and of the state behind it. Default: after the first named operator behind. */
  readonly name?: string
  /** How values travel between workers. Default: whatever MessagePack carries; objects of scalars in a quicker form. */
  readonly codec?: ValueCodec<T>
  /** Of the internal topic: as many tasks can share the work. Default: those of the widest source. Fixed once the job has run. */
  readonly partitions?: number
}

/** What `process` code sees beside the record. Valid during the call only. */
export interface KeyedContext<K, D> {
  readonly key: K
  /** The record's event time, or its Kafka timestamp: ms since 1970. */
  readonly timestamp: number
  /** The task's event time: no record with an earlier one is expected any more. -Infinity where sources give no watermarks. */
  readonly watermark: number
  readonly state: StatesOf<D>
}

// Node functions are held untyped in the graph (job-graph.ts); this is the one place where types are let go.
type Untyped = (...args: never[]) => unknown

/** A stream of records of type T whose Kafka keys are of type K. */
export class Stream<T, K = unknown> {
  protected readonly builder: GraphBuilder
  protected readonly node: number

  constructor(builder: GraphBuilder, node: number) {
    this.builder = builder
    this.node = node
  }

  /** Each record becomes one other. Key and timestamp stay. */
  map<R>(fn: (value: T) => R): Stream<R, K> {
    return new Stream(this.builder, this.builder.add({ kind: 'map', input: this.node, fn: fn as (value: unknown) => unknown }))
  }

  /** Keeps the records for which `fn` is true; a type guard narrows the stream's type. */
  filter<R extends T>(fn: (value: T) => value is R): Stream<R, K>
  filter(fn: (value: T) => boolean): Stream<T, K>
  filter(fn: (value: T) => boolean): Stream<T, K> {
    return new Stream(
      this.builder,
      this.builder.add({ kind: 'filter', input: this.node, fn: fn as (value: unknown) => boolean }),
    )
  }

  /** Each record becomes any number of others, with its key and timestamp. */
  flatMap<R>(fn: (value: T) => Iterable<R>): Stream<R, K> {
    const untyped = fn as (value: unknown) => Iterable<unknown>
    return new Stream(this.builder, this.builder.add({ kind: 'flatMap', input: this.node, fn: untyped }))
  }

  /**
   * Keys the stream by the Kafka record key as it is: no exchange, since records of one key already are in one partition.
   * A record without a key fails the job (MR_RECORD_WITHOUT_KEY).
   */
  keyByRecordKey(): KeyedStream<K, T> {
    return new KeyedStream(this.builder, this.builder.add({ kind: 'keyByRecordKey', input: this.node }))
  }

  /**
   * Keys the stream by what `keyOf` gives: records of one key come together in one task, over an internal Kafka topic.
   * Order is kept among the records that come from one partition with one key.
   *
   * Keys are text, unless `options.key` says how others become bytes (`bytes()` of `millrace/kafka`, or your own codec).
   */
  keyBy(keyOf: (value: T) => string, options?: KeyByOptions<T>): KeyedStream<string, T>
  keyBy<L>(keyOf: (value: T) => L, options: KeyByOptions<T> & { readonly key: HasKeyCodec<L> }): KeyedStream<L, T>
  keyBy(
    keyOf: (value: T) => unknown,
    options: KeyByOptions<T> & { readonly key?: HasKeyCodec<unknown> } = {},
  ): KeyedStream<unknown, T> {
    const { name = '', key, codec, partitions } = options
    return new KeyedStream(
      this.builder,
      this.builder.add({
        kind: 'keyBy',
        name,
        input: this.node,
        keyOf: keyOf as (value: unknown) => unknown,
        keyCodec: key?.keyCodec ?? (textKeys as KeyCodec<unknown>),
        codec: codec as ValueCodec<unknown> | undefined,
        partitions,
      }),
    )
  }

  /** Writes the stream to a sink. `name` stands in plans, logs and metrics, and is unique in the job. */
  sink(name: string, sink: Sink<T>): void {
    this.builder.add({ kind: 'sink', name, input: this.node, sink: sink as Sink<unknown> })
  }
}

/** A stream whose records belong to keys: operators on it keep state per key. */
export class KeyedStream<K, T> {
  private readonly builder: GraphBuilder
  private readonly node: number

  constructor(builder: GraphBuilder, node: number) {
    this.builder = builder
    this.node = node
  }

  /**
   * Folds the records of each key into one value of their own type, and emits it after each record.
   * The first record of a key is its first value.
   */
  reduce(name: string, fn: (accumulated: T, value: T) => T, options?: StateOptions<T>): Stream<T, K> {
    return this.derive<T>({
      kind: 'reduce',
      name,
      input: this.node,
      fn: fn as (a: unknown, v: unknown) => unknown,
      format: stateFormat(options),
    })
  }

  /** Keeps a set of aggregates per key, and emits a row of all of them after each record. */
  aggregate<A extends Readonly<Record<string, Aggregate<T, unknown>>>>(
    name: string,
    aggregates: A,
    options: { readonly ttl?: TtlOption } = {},
  ): Stream<AggregateRow<K, A>, K> {
    const specs = new Map(Object.entries(aggregates as unknown as Record<string, AggregateSpec>))
    const ttl = timeToLive(options.ttl)
    return this.derive<AggregateRow<K, A>>({ kind: 'aggregate', name, input: this.node, aggregates: specs, ttl })
  }

  /**
   * Runs your own code for each record, with state per key. It returns what to emit: any iterable, or nothing. It may be
   * `async` to look into map states; the records behind wait for it.
   *
   * @example
   * stream.process('first-seen', {
   *   state: { seen: valueState<boolean>() },
   *   onRecord(order, { key, state }) {
   *     if (state.seen.get()) return
   *     state.seen.set(true)
   *     return [{ customer: key, first: order }]
   *   },
   * })
   */
  process<D extends StateDescriptors, R>(
    name: string,
    definition: {
      readonly state: D
      /**
       * Which entries of map states `onRecord` will read, so that they are fetched ahead, for a whole batch at a time. A map
       * that isn't named here is fetched whole: right for small ones.
       */
      readonly reads?: ReadsOf<D, T, K>
      readonly onRecord: (
        value: T,
        context: KeyedContext<K, D>,
      ) => Iterable<R> | undefined | void | Promise<Iterable<R> | undefined | void>
    },
  ): Stream<R, K> {
    const states = stateSpecs(definition.state)
    const reads: ProcessNode['reads'] = new Map(Object.entries(definition.reads ?? {}) as [string, Untyped][]) as never
    const onRecord = definition.onRecord as Untyped as (value: unknown, context: ProcessContext) => Emitted | Promise<Emitted>
    return this.derive<R>({ kind: 'process', name, input: this.node, states, reads, onRecord })
  }

  private derive<R>(node: WithoutId<StatefulNode>): Stream<R, K> {
    return new Stream(this.builder, this.builder.add(node))
  }
}

/** Omit, kept a union. */
type WithoutId<N> = N extends unknown ? Omit<N, 'id'> : never
