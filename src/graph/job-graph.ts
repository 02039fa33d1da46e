/**
 * A job as data: nodes in topological order (each node's input stands before it). The API builds it, the planner cuts
 * it into stages, the runtime compiles it into operators. User functions are held as `unknown` in, `unknown` out:
 * their types were checked where the API took them.
 */

import type { KeyCodec, Source } from '../ports/source.ts'
import type { Sink } from '../ports/transactional-sink.ts'
import type { ValueCodec } from '../ports/value-codec.ts'
import type { TimeToLive } from '../records/time-to-live.ts'

export type NodeId = number

interface NodeBase {
  readonly id: NodeId
}

export interface SourceNode extends NodeBase {
  readonly kind: 'source'
  readonly name: string
  readonly source: Source<unknown>
}

interface Derived extends NodeBase {
  readonly input: NodeId
}

export interface MapNode extends Derived {
  readonly kind: 'map'
  readonly fn: (value: unknown) => unknown
}

export interface FilterNode extends Derived {
  readonly kind: 'filter'
  readonly fn: (value: unknown) => boolean
}

export interface FlatMapNode extends Derived {
  readonly kind: 'flatMap'
  readonly fn: (value: unknown) => Iterable<unknown>
}

export interface KeyByRecordKeyNode extends Derived {
  readonly kind: 'keyByRecordKey'
}

/** The exchange between two stages: what is behind it runs in tasks of its own, one for each partition of its topic. */
export interface KeyByNode extends Derived {
  readonly kind: 'keyBy'
  /** Names the topic, and the tasks behind it. */
  readonly name: string
  readonly keyOf: (value: unknown) => unknown
  readonly keyCodec: KeyCodec<unknown>
  /** How values travel; undefined: as state does by default. */
  readonly codec: ValueCodec<unknown> | undefined
  /** Undefined: as many as the widest source has. */
  readonly partitions: number | undefined
}

/** How the values of an older version of a state are read. */
export interface MigrationSpec {
  /** Undefined: the state's. */
  readonly codec: ValueCodec<unknown> | undefined
  readonly migrate: (old: unknown) => unknown
}

/** How the values of a state are written, and how long they live. */
export interface StateFormat {
  /** Undefined: MessagePack. */
  readonly codec: ValueCodec<unknown> | undefined
  /** Of what is written now. Undefined: the codec's. */
  readonly version: number | undefined
  /** By version. */
  readonly migrations: ReadonlyMap<number, MigrationSpec>
  /** Undefined: for ever. */
  readonly ttl: TimeToLive | undefined
}

export interface ReduceNode extends Derived {
  readonly kind: 'reduce'
  readonly name: string
  readonly fn: (accumulated: unknown, value: unknown) => unknown
  readonly format: StateFormat
}

/** An array of doubles, of either kind. */
export interface Slots {
  [at: number]: number
}

/** The engine's view of an aggregate: see api/aggregates.ts, which these are. */
export type AggregateSpec =
  | {
      readonly kind: 'numeric'
      readonly name: string
      readonly width: number
      readonly initial: readonly number[]
      add(slots: Slots, at: number, value: unknown): void
      result(slots: Readonly<Slots>, at: number): unknown
    }
  | {
      readonly kind: 'own'
      readonly name: string
      create(): unknown
      add(accumulator: unknown, value: unknown): unknown
      result(accumulator: unknown): unknown
    }

export interface AggregateNode extends Derived {
  readonly kind: 'aggregate'
  readonly name: string
  readonly aggregates: ReadonlyMap<string, AggregateSpec>
  readonly ttl: TimeToLive | undefined
}

/** The engine's view of the state descriptors of api/state.ts. */
export interface ValueStateSpec {
  readonly kind: 'value'
  readonly format: StateFormat
  readonly initial: (() => unknown) | undefined
}

export interface ListStateSpec {
  readonly kind: 'list'
  /** Of an element; the time to live is the whole list's. */
  readonly format: StateFormat
}

export interface MapStateSpec {
  readonly kind: 'map'
  readonly keyCodec: KeyCodec<unknown>
  /** Of a value in the map; each has its own time to live. */
  readonly format: StateFormat
}

export interface ReducingStateSpec {
  readonly kind: 'reducing'
  readonly format: StateFormat
  readonly fn: (accumulated: unknown, value: unknown) => unknown
}

export interface AggregatingStateSpec {
  readonly kind: 'aggregating'
  readonly aggregates: ReadonlyMap<string, AggregateSpec>
  readonly ttl: TimeToLive | undefined
}

export type StateSpec = ValueStateSpec | ListStateSpec | MapStateSpec | ReducingStateSpec | AggregatingStateSpec

/** What `process` code is given beside the value. One object per operator, changed from record to record. */
export interface ProcessContext {
  readonly key: unknown
  readonly timestamp: number
  readonly watermark: number
  readonly state: Readonly<Record<string, unknown>>
}

export interface ProcessNode extends Derived {
  readonly kind: 'process'
  readonly name: string
  readonly states: ReadonlyMap<string, StateSpec>
  /** Map state → the keys of it that a record will touch. A map that isn't named here is fetched whole. */
  readonly reads: ReadonlyMap<string, (value: unknown, key: unknown) => Iterable<unknown>>
  readonly onRecord: (value: unknown, context: ProcessContext) => Emitted | Promise<Emitted>
}

/** What user code gives to be emitted. */
export type Emitted = Iterable<unknown> | undefined | void

export interface SinkNode extends Derived {
  readonly kind: 'sink'
  readonly name: string
  readonly sink: Sink<unknown>
}

export type GraphNode =
  | SourceNode
  | MapNode
  | FilterNode
  | FlatMapNode
  | KeyByRecordKeyNode
  | KeyByNode
  | ReduceNode
  | AggregateNode
  | ProcessNode
  | SinkNode

export interface JobGraph {
  readonly name: string
  readonly nodes: readonly GraphNode[]
}

/** The operators that keep state, by which state is found after a change of the job. */
export type StatefulNode = ReduceNode | AggregateNode | ProcessNode

export function isStateful(node: GraphNode): node is StatefulNode {
  return node.kind === 'reduce' || node.kind === 'aggregate' || node.kind === 'process'
}
