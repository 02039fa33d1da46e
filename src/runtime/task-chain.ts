/**
 * The operators of one task, compiled: each becomes one closure that calls the next, from the sinks backwards, so a
 * record walks from source to sink by plain calls. Keyed operators are run a batch at a time behind their KeyedInput.
 */

import { defined } from '../common/assert.ts'
import { MillraceError, toError } from '../common/errors.ts'
import type { GraphNode, NodeId } from '../graph/job-graph.ts'
import type { Stage } from '../graph/stages.ts'
import { aggregate, planAccumulator } from '../operators/aggregate.ts'
import { filter } from '../operators/filter.ts'
import { flatMap } from '../operators/flat-map.ts'
import { KeyInterner } from '../operators/key-interner.ts'
import { KeyedInput } from '../operators/keyed-input.ts'
import { map } from '../operators/map.ts'
import { type OpenedState, process } from '../operators/process.ts'
import { type Emit, RecordContext } from '../operators/record-context.ts'
import { reduce } from '../operators/reduce.ts'
import type { SourceBatch } from '../ports/source.ts'
import type { SinkWriter } from '../ports/transactional-sink.ts'
import type { TaskState } from '../state/task-state.ts'
import type { TaskWatermark } from '../time/task-watermark.ts'
import type { ExchangeOutput } from './exchange-output.ts'
import { ACCUMULATOR, type StateRegistry } from './state-registry.ts'

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
  /** The keyed input that takes whole batches: it stands directly behind the source, and alone. */
  private readonly wholeInput: KeyedInput | undefined

  constructor(parts: TaskChainParts) {
    this.parts = parts
    const { input } = parts.stage
    // What comes out of an exchange is keyed.
    this.head = input.kind === 'keyBy' ? this.compileKeyedInput(input.id, undefined) : this.behind(input.id, undefined)
    this.wholeInput = this.keyedInputs.find((keyed) => keyed.push === this.head && keyed.hasState)
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
    if (wholeInput !== undefined) return wholeInput.runBatch(batch, nowMs)
    this.gather(batch)
    return this.runKeyed(0, nowMs)
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
      case 'aggregate': {
        const { table, entries } = this.open(node.name, ACCUMULATOR, keyed)
        return aggregate(planAccumulator(node.aggregates), context, table, entries, this.behind(node.id, keyed))
      }
      case 'process': {
        const states = [...node.states.keys()].map((name) => this.open(node.name, name, keyed))
        const { keyCodec } = this.parts.stage
        const userKey = () => keyCodec.decode(context.key!)
        const known = states[0]
        const cachedKey = known === undefined ? userKey : () => known.table.userKey(known.entries[context.index]!)
        return process(node, context, states, cachedKey, this.behind(node.id, keyed))
      }
      case 'sink': {
        const writer = this.writer(node.name)
        return (value) => writer.write(value, context.timestamp, context.key)
      }
      case 'source':
        throw new Error('a source has no input')
    }
  }

  private compileKeyedInput(node: NodeId, outer: KeyedInput | undefined): Emit {
    // Keyed by the record key already: the same keys, the same fetched state.
    if (outer !== undefined) return this.behind(node, outer)
    const input = new KeyedInput(this.context, this.parts.state)
    this.keyedInputs.push(input)
    input.connect(this.behind(node, input))
    return input.push
  }

  private open(operator: string, name: string, keyed: KeyedInput | undefined): OpenedState {
    const input = defined(keyed, `keyed input of ${operator}`)
    const registered = this.parts.registry.of(operator, name)
    const table = this.parts.state.declare({
      stateId: registered.id,
      codec: registered.valueCodec,
      keyCodec: this.parts.stage.keyCodec,
      isComplete: this.parts.isStateEmpty,
    })
    return { table, entries: input.use(table) }
  }

  private writer(sink: string): SinkWriter<unknown> {
    return defined(this.parts.writers.get(sink), `writer of sink ${sink}`)
  }
}

/** Folders of Millrace itself: frames in them are not where the user's code failed. */
const OWN_FOLDERS = ['../', '../../connectors/'].map((folder) => new URL(folder, import.meta.url).href)

/** `file:line:column` of the first frame outside Millrace and Node.js. */
function frameOfUser(error: Error): string | undefined {
  for (const line of error.stack?.split('\n') ?? []) {
    const found = /(file:\/\/\S+?:\d+:\d+)\)?$/.exec(line)?.[1]
    if (found !== undefined && !OWN_FOLDERS.some((folder) => found.startsWith(folder))) return found.replace('file://', '')
  }
  return undefined
}
