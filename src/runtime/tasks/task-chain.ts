/**
 * The operators of one task, compiled: each becomes one closure that calls the next, from the sinks backwards, so a
 * record walks from source to sink by plain calls. Keyed operators are run a batch at a time behind their KeyedInput.
 */

import { defined } from '../../common/assert.ts'
import { MillraceError, toError } from '../../common/errors.ts'
import type { AggregateNode, GraphNode, NodeId, ProcessNode, StateSpec } from '../../graph/job-graph.ts'
import type { Stage } from '../../graph/stages.ts'
import { aggregateAnything, aggregateNumbers, planAccumulator } from '../../operators/aggregate.ts'
import { CurrentMap } from '../../operators/current-map.ts'
import {
  CurrentAggregates,
  CurrentList,
  CurrentReducing,
  CurrentValue,
  type OpenedState,
} from '../../operators/current-states.ts'
import { filter } from '../../operators/filter.ts'
import { flatMap } from '../../operators/flat-map.ts'
import { KeyInterner } from '../../operators/key-interner.ts'
import { KeyedInput } from '../../operators/keyed-input.ts'
import { map } from '../../operators/map.ts'
import { MapInput } from '../../operators/map-input.ts'
import { process } from '../../operators/process.ts'
import { type Emit, RecordContext } from '../../operators/record-context.ts'
import { reduce } from '../../operators/reduce.ts'
import type { SourceBatch } from '../../ports/source.ts'
import type { SinkWriter } from '../../ports/transactional-sink.ts'
import type { StateTableOptions } from '../../state/state-table.ts'
import type { TaskState } from '../../state/task-state.ts'
import type { TaskWatermark } from '../../time/task-watermark.ts'
import type { ExchangeOutput } from './exchange-output.ts'
import type { StateRegistry } from './state-registry.ts'
import { ACCUMULATOR } from './wanted-states.ts'

export interface TaskChainParts {
  readonly stage: Stage
  readonly state: TaskState
  readonly registry: StateRegistry
  /** By sink name. */
  readonly writers: ReadonlyMap<string, SinkWriter<unknown>>
  /** By exchange name. */
  readonly outputs: ReadonlyMap<string, ExchangeOutput>
  readonly watermark: TaskWatermark
  /** True when the task's state in the backend is empty: no key need be looked up there. */
  readonly isStateEmpty: boolean
}

export class TaskChain {
  private readonly parts: TaskChainParts
  private readonly context = new RecordContext()
  private readonly keyedInputs: KeyedInput[] = []
  private readonly keys = new KeyInterner()
  private readonly head: Emit
  private readonly usesKeys: boolean
  /** The keyed input that takes whole batches: the first, where it stands directly behind the source, and alone. */
  private readonly wholeInput: KeyedInput | undefined

  constructor(parts: TaskChainParts) {
    this.parts = parts
    const { input } = parts.stage
    // What comes out of an exchange is keyed.
    this.head = input.kind === 'keyBy' ? this.compileKeyedInput(input.id, undefined) : this.behind(input.id, undefined)
    this.wholeInput = this.keyedInputs.find((keyed) => keyed.push === this.head && keyed.takesWholeBatches)
    const needsKey = [...parts.stage.consumers.values()]
      .flat()
      .some((node) => node.kind === 'sink' && this.writer(node.name).usesRecordKey)
    this.usesKeys = needsKey || this.keyedInputs.length > 0
  }

  /** Processes a batch to its end. Null when that could be done at once; else state is being fetched. */
  process(batch: SourceBatch<unknown>, nowMs: number): Promise<void> | null {
    this.context.watermark = this.parts.watermark.value
    try {
      return this.run(batch, nowMs)?.catch((thrown) => this.explain(thrown, batch)) ?? null
    } catch (thrown) {
      return this.explain(thrown, batch)
    }
  }

  private run(batch: SourceBatch<unknown>, nowMs: number): Promise<void> | null {
    const { wholeInput } = this
    if (wholeInput === undefined) {
      this.gather(batch)
      return this.runKeyed(0, nowMs)
    }
    const waiting = wholeInput.runBatch(batch, nowMs)
    return waiting === null ? this.runKeyed(1, nowMs) : waiting.then(() => this.runKeyed(1, nowMs) ?? undefined)
  }

  /** The keyed inputs from the i-th on. Each owns its records and states, but all share the context: one after another. */
  private runKeyed(i: number, nowMs: number): Promise<void> | null {
    for (let next = i; next < this.keyedInputs.length; next++) {
      const waiting = this.keyedInputs[next]!.run(nowMs)
      if (waiting !== null) return waiting.then(() => this.runKeyed(next + 1, nowMs) ?? undefined)
    }
    return null
  }

  private gather(batch: SourceBatch<unknown>): void {
    const { context, head, keys } = this
    const { count, values, timestamps, keyBytes, keyStarts, keyEnds } = batch
    for (let i = 0; i < count; i++) {
      context.at = i
      context.timestamp = timestamps[i]!
      if (this.usesKeys) {
        const start = keyStarts[i]!
        context.key = start < 0 ? null : keys.intern(keyBytes, start, keyEnds[i]!)
      }
      head(values[i])
    }
  }

  private explain(thrown: unknown, batch: SourceBatch<unknown>): never {
    const place = `${this.parts.stage.name}/${batch.partition} at position ${batch.positionOf(this.context.at)}`
    const error = toError(thrown)
    const { cause } = error
    if (error instanceof MillraceError) {
      const { code, remedy, details } = error
      throw new MillraceError(code, `${error.message} (while processing ${place})`, { cause, remedy, details })
    }
    const frame = frameOfUser(error)
    const where = frame === undefined ? '' : ` at ${frame}`
    throw new MillraceError('MR_USER_CODE_FAILED', `${error.name}: ${error.message}${where} (while processing ${place})`, {
      cause: error,
    })
  }

  /** What a node's output goes to. */
  private behind(node: NodeId, keyed: KeyedInput | undefined): Emit {
    const consumers = (this.parts.stage.consumers.get(node) ?? []).map((consumer) => this.compile(consumer, keyed))
    if (consumers.length === 1) return consumers[0]!
    return (value) => {
      for (const consumer of consumers) consumer(value)
    }
  }

  private compile(node: GraphNode, keyed: KeyedInput | undefined): Emit {
    const { context } = this
    switch (node.kind) {
      case 'map':
        return map(node.fn, this.behind(node.id, keyed))
      case 'filter':
        return filter(node.fn, this.behind(node.id, keyed))
      case 'flatMap':
        return flatMap(node.fn, this.behind(node.id, keyed))
      case 'keyByRecordKey':
        return this.compileKeyedInput(node.id, keyed)
      case 'keyBy': {
        const output = defined(this.parts.outputs.get(node.name), `output of exchange ${node.name}`)
        const { keyOf, keyCodec } = node
        return (value) => output.write(keyCodec.encode(keyOf(value)), context.timestamp, value)
      }
      case 'reduce': {
        const { table, entries } = this.open(node.name, ACCUMULATOR, keyed)
        return reduce(node.fn, context, table, entries, this.behind(node.id, keyed))
      }
      case 'aggregate':
        return this.compileAggregate(node, keyed)
      case 'process':
        return this.compileProcess(node, keyed)
      case 'sink': {
        const writer = this.writer(node.name)
        return (value) => writer.write(value, context.timestamp, context.key)
      }
      case 'source':
        throw new Error('a source has no input')
    }
  }

  private compileAggregate({ id, name, aggregates }: AggregateNode, keyed: KeyedInput | undefined): Emit {
    const { context } = this
    const plan = planAccumulator(aggregates)
    if (plan.own.length > 0) {
      const { table, entries } = this.open(name, ACCUMULATOR, keyed)
      return aggregateAnything(plan, context, table, entries, this.behind(id, keyed))
    }
    const options = this.tableOptions(name, ACCUMULATOR) as StateTableOptions<number[]>
    const table = this.parts.state.declareAccumulators(options, plan.initial.length)
    const entries = defined(keyed, `keyed input of ${name}`).use(table)
    return aggregateNumbers({ plan, context, table, entries, next: this.behind(id, keyed) })
  }

  private compileProcess(node: ProcessNode, keyed: KeyedInput | undefined): Emit {
    const { context } = this
    const states: Record<string, unknown> = {}
    const maps: CurrentMap[] = []
    const { keyCodec } = this.parts.stage
    let userKey = () => keyCodec.decode(context.key!)
    for (const [name, spec] of node.states) {
      if (spec.kind === 'map') {
        const map = new CurrentMap(`${node.name}/${name}`, spec, context, this.openMap(node, name, keyed))
        maps.push(map)
        states[name] = map
      } else {
        const opened = this.open(node.name, name, keyed)
        states[name] = currentState(spec, context, opened)
        // It remembers the key.
        userKey = () => opened.table.userKey(opened.entries[context.index]!)
      }
    }
    return process(node, context, states, maps, userKey, this.behind(node.id, keyed))
  }

  private compileKeyedInput(node: NodeId, outer: KeyedInput | undefined): Emit {
    // Keyed by the record key already: the same keys, the same fetched state. But what records read of maps is only known
    // when they have come here.
    if (outer !== undefined && !this.hasReads(node)) return this.behind(node, outer)
    const input = new KeyedInput(this.context, this.parts.state)
    this.keyedInputs.push(input)
    input.connect(this.behind(node, input))
    return input.push
  }

  private hasReads(node: NodeId): boolean {
    const consumers = this.parts.stage.consumers.get(node) ?? []
    return consumers.some((consumer) => consumer.kind === 'process' && consumer.reads.size > 0)
  }

  private open(operator: string, name: string, keyed: KeyedInput | undefined): OpenedState {
    const input = defined(keyed, `keyed input of ${operator}`)
    const table = this.parts.state.declare(this.tableOptions(operator, name))
    return { table, entries: input.use(table) }
  }

  private openMap({ name: operator, states, reads }: ProcessNode, name: string, keyed: KeyedInput | undefined): MapInput {
    const input = defined(keyed, `keyed input of ${operator}`)
    const spec = states.get(name)
    const keysOf = reads.get(name)
    const reader = this.parts.state.declareMap(this.tableOptions(operator, name))
    const { keyCodec: recordKeyCodec } = this.parts.stage
    const mapReads =
      keysOf === undefined || spec?.kind !== 'map' ? undefined : { keysOf, recordKeyCodec, mapKeyCodec: spec.keyCodec }
    const map = new MapInput(reader, mapReads)
    input.fetchBy(map)
    return map
  }

  private tableOptions(operator: string, name: string): StateTableOptions<unknown> {
    const { id, valueCodec, ttl } = this.parts.registry.of(operator, name)
    return {
      stateId: id,
      codec: valueCodec,
      keyCodec: this.parts.stage.keyCodec,
      isComplete: this.parts.isStateEmpty,
      ...(ttl === undefined ? {} : { ttl }),
    }
  }

  private writer(sink: string): SinkWriter<unknown> {
    return defined(this.parts.writers.get(sink), `writer of sink ${sink}`)
  }
}

function currentState(spec: Exclude<StateSpec, { kind: 'map' }>, context: RecordContext, opened: OpenedState): unknown {
  switch (spec.kind) {
    case 'value':
      return new CurrentValue(spec, context, opened)
    case 'list':
      return new CurrentList(context, opened)
    case 'reducing':
      return new CurrentReducing(spec, context, opened)
    case 'aggregating':
      return new CurrentAggregates(spec, context, opened)
  }
}

/** Folders of Millrace itself: frames in them are not where the user's code failed. */
const OWN_FOLDERS = ['../../', '../../../connectors/'].map((folder) => new URL(folder, import.meta.url).href)

/** `file:line:column` of the first frame outside Millrace and Node.js. */
function frameOfUser(error: Error): string | undefined {
  for (const line of error.stack?.split('\n') ?? []) {
    const found = /(file:\/\/\S+?:\d+:\d+)\)?$/.exec(line)?.[1]
    if (found !== undefined && !OWN_FOLDERS.some((folder) => found.startsWith(folder))) return found.replace('file://', '')
  }
  return undefined
}
