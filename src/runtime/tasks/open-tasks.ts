/** Opens what a worker runs in an epoch: readers, operator chains and the writing ends of exchanges. */
import type { CheckpointMetadata } from '../../checkpoint/metadata.ts'
import type { EpochRecovered } from '../../checkpoint/protocol/control-records.ts'
import { defined } from '../../common/assert.ts'
import type { SourceNode } from '../../graph/job-graph.ts'
import type { Stage } from '../../graph/stages.ts'
import type { ConnectorContext } from '../../ports/connector-context.ts'
import type { Exchange, ExchangeInput, ExchangeWriter } from '../../ports/exchange.ts'
import type { SinkWriter } from '../../ports/transactional-sink.ts'
import { parseTaskKey, type TaskKey, taskKey } from '../../records/task-id.ts'
import { valueDecoder } from '../../state/frame-values.ts'
import type { WorkerState } from '../../state/worker-state.ts'
import { SourceWatermark } from '../../time/source-watermark.ts'
import { ExchangeOutput } from './exchange-output.ts'
import { type ExchangeTask, ExchangeTasks } from './exchange-tasks.ts'
import type { OpenedSinks } from './open-sinks.ts'
import { type PartitionWatermark, SourceTasks } from './source-tasks.ts'
import type { StateRegistry } from './state-registry.ts'
import { TaskChain } from './task-chain.ts'
import { unfinishedChannels, WorkerWatermarks } from './worker-watermarks.ts'

export interface TaskParts {
  readonly stages: readonly Stage[]
  /** Those of this worker. */
  readonly tasks: readonly TaskKey[]
  readonly recovered: EpochRecovered
  readonly metadata: CheckpointMetadata | null
  readonly context: ConnectorContext
  readonly state: WorkerState
  readonly registry: StateRegistry
  readonly sinks: OpenedSinks
  readonly emptyTasks: ReadonlySet<TaskKey>
  readonly exchange: Exchange | null
  readonly writer: ExchangeWriter | null
  /** Producer ids of all workers of the epoch. */
  readonly producers: ReadonlySet<number>
  /** Monotonic. */
  readonly nowMs: number
  readonly onClose: (close: () => Promise<unknown> | void) => void
}

export interface OpenedTasks {
  readonly sources: SourceTasks
  /** Null: this worker reads no exchange. */
  readonly exchanges: ExchangeTasks | null
  readonly outputs: readonly ExchangeOutput[]
  readonly watermarks: WorkerWatermarks
}

export async function openTasks(parts: TaskParts): Promise<OpenedTasks> {
  const { stages, context, onClose } = parts
  const outputs = openOutputs(parts)
  const sources = new SourceTasks()
  const watermarks = new WorkerWatermarks(stages, parts.tasks, parts.metadata?.watermarks ?? {})
  const exchangeTasks: ExchangeTask[] = []
  for (const stage of stages) {
    const chains = openChains(parts, stage, outputs, watermarks)
    if (chains.size === 0) continue
    const { input } = stage
    if (input.kind === 'source') {
      const { positions, identity } = defined(parts.recovered.sources[stage.name], `positions of ${stage.name}`)
      const starts = [...chains.keys()].map((partition) => {
        return { partition, position: defined(positions[partition], `position of ${stage.name}/${partition}`) }
      })
      const reader = await input.source.open(context, starts, identity)
      onClose(() => reader.close())
      sources.add(stage.name, reader, starts, chains, sourceWatermarks(input, chains, watermarks, parts.nowMs))
    } else {
      const decoder = valueDecoder(input.codec)
      for (const [partition, chain] of chains) {
        const watermark = watermarks.of(taskKey({ stage: stage.name, partition }))
        exchangeTasks.push({ exchange: stage.name, partition, decoder, chain, watermark })
      }
    }
  }
  const exchanges = exchangeTasks.length === 0 ? null : await openExchangeTasks(parts, exchangeTasks)
  return { sources, exchanges, outputs: [...outputs.values()], watermarks }
}

function openOutputs({ stages, writer, recovered }: TaskParts): Map<string, ExchangeOutput> {
  const outputs = new Map<string, ExchangeOutput>()
  if (writer === null) return outputs
  for (const node of stages.flatMap((stage) => stage.exchanges)) {
    const topic = recovered.exchanges.find(({ exchange }) => exchange === node.name)
    const { partitions } = defined(topic, `topic of exchange ${node.name}`)
    outputs.set(node.name, new ExchangeOutput(node.name, writer, node.codec, partitions))
  }
  return outputs
}

/** Partition → chain, of the tasks of the stage that this worker runs. */
function openChains(
  parts: TaskParts,
  stage: Stage,
  outputs: ReadonlyMap<string, ExchangeOutput>,
  watermarks: WorkerWatermarks,
): Map<number, TaskChain> {
  const { state, registry, sinks, emptyTasks } = parts
  const writers = new Map<string, SinkWriter<unknown>>()
  for (const [name, sink] of sinks.byName) writers.set(name, sink.writer)
  const chains = new Map<number, TaskChain>()
  for (const task of parts.tasks) {
    const { stage: name, partition } = parseTaskKey(task)
    if (name !== stage.name) continue
    const isStateEmpty = emptyTasks.has(task)
    const watermark = watermarks.of(task)
    const own = { stage, state: state.openTask(task), watermark, isStateEmpty }
    chains.set(partition, new TaskChain({ ...own, registry, writers, outputs }))
  }
  return chains
}

/** Partition → its watermark; empty where the source gives none. */
function sourceWatermarks(
  { name, source }: SourceNode,
  chains: ReadonlyMap<number, TaskChain>,
  watermarks: WorkerWatermarks,
  nowMs: number,
): Map<number, PartitionWatermark> {
  const result = new Map<number, PartitionWatermark>()
  if (source.watermarks === undefined) return result
  for (const partition of chains.keys()) {
    const task = watermarks.of(taskKey({ stage: name, partition }))
    task.join(partition)
    result.set(partition, { task, source: new SourceWatermark(source.watermarks, nowMs) })
  }
  return result
}

async function openExchangeTasks(parts: TaskParts, tasks: readonly ExchangeTask[]): Promise<ExchangeTasks> {
  const exchange = defined(parts.exchange, 'exchange')
  const inputs = tasks.map((task) => inputOf(task, parts.metadata))
  const writers = parts.metadata?.writers ?? []
  const unfinished = inputs.map(({ exchange, partition, position }) =>
    unfinishedChannels(writers, exchange, partition, position),
  )
  const reader = await exchange.openReader(inputs, parts.producers)
  parts.onClose(() => reader.close())
  return new ExchangeTasks(reader, parts.producers, tasks, unfinished)
}

/** Where a task goes on reading, and what it accepts of earlier epochs (R17). */
export function inputOf(
  task: Pick<ExchangeTask, 'exchange' | 'partition'>,
  metadata: CheckpointMetadata | null,
): ExchangeInput {
  const { exchange, partition } = task
  const stored = metadata?.exchanges[exchange]?.positions[partition]
  const ended = (metadata?.writers ?? []).map(({ producerId, ends }) => ({
    producerId,
    endOffset: ends[exchange]?.[partition] ?? 0,
    nextSequence: stored?.channels.find((channel) => channel.producerId === producerId)?.nextSequence ?? 0,
  }))
  return { exchange, partition, position: stored?.position ?? 0, ended }
}
