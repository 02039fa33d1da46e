/**
 * Makes a savepoint of a completed checkpoint: its state merged task by task, and its records in flight, copied into one
 * folder. In the background, in bounded memory; from the storage, so that no worker is held up.
 */
import { chainState } from '../../checkpoint/chain-state.ts'
import type { CheckpointMetadata } from '../../checkpoint/metadata.ts'
import type { SavepointExchange, SavepointStage } from '../../checkpoint/savepoint/savepoint-metadata.ts'
import type { SavepointFacts, SavepointWriter } from '../../checkpoint/savepoint/savepoint-writer.ts'
import { defined } from '../../common/assert.ts'
import type { Clock } from '../../common/clock.ts'
import type { KeyByNode } from '../../graph/job-graph.ts'
import type { Stage } from '../../graph/stages.ts'
import type { CheckpointStorage } from '../../ports/checkpoint-storage.ts'
import type { Exchange } from '../../ports/exchange.ts'
import { ROW_VALUES } from '../../records/exchange-frame.ts'
import { framesInFlight, partitionsInFlight } from './in-flight-frames.ts'

/** For what is fetched of a task and not merged yet. */
const BUDGET_BYTES = 16 * 1024 * 1024

export interface SavepointCopy {
  readonly writer: SavepointWriter
  readonly storage: CheckpointStorage
  readonly metadata: CheckpointMetadata
  /** Null: the job has no exchanges. */
  readonly exchange: Exchange | null
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly onRead: (bytes: number) => void
}

/** Everything but the metadata. */
export async function copyToSavepoint(copy: SavepointCopy): Promise<void> {
  const { writer, storage, metadata, exchange, clock, signal, onRead } = copy
  await writer.begin()
  for (const task of Object.keys(metadata.chains)) {
    const options = { clock, signal, budgetBytes: BUDGET_BYTES, onFetched: onRead }
    await writer.addTask(task, chainState(storage, metadata, task, options))
  }
  if (exchange === null) return
  for (const place of partitionsInFlight(metadata)) {
    await writer.addFrames(place.exchange, place.partition, framesInFlight(exchange, metadata, place, signal))
  }
}

/** What a savepoint tells of the job that wrote it, beside what its checkpoint tells. */
export interface JobShape {
  readonly stages: Readonly<Record<string, SavepointStage>>
  /** Exchange → what writes the values of its records: others can't be read back. */
  readonly values: Readonly<Record<string, string>>
}

export function shapeOf(stages: readonly Stage[]): JobShape {
  const shape: Record<string, SavepointStage> = {}
  const values: Record<string, string> = {}
  for (const { name, input, keyCodec, stateful } of stages) {
    const operators = stateful.map((node) => node.name)
    shape[name] = { input: input.kind === 'source' ? 'source' : 'exchange', keys: keyCodec.name, operators }
    if (input.kind === 'keyBy') values[name] = valueFormatOf(input)
  }
  return { stages: shape, values }
}

export function valueFormatOf({ codec }: Pick<KeyByNode, 'codec'>): string {
  return codec === undefined ? ROW_VALUES : `${codec.name}-${codec.version}`
}

export function factsOf(metadata: CheckpointMetadata, { stages, values }: JobShape, isStopped: boolean): SavepointFacts {
  const { applicationId, checkpoint, epoch, completedAt, graphDigest, sources, watermarks, states } = metadata
  const exchanges: Record<string, SavepointExchange> = {}
  for (const [name, { partitions }] of Object.entries(metadata.exchanges)) {
    exchanges[name] = { partitions, values: defined(values[name], `exchange ${name} of the job`) }
  }
  const job = { applicationId, checkpoint, epoch, isStopped, completedAt, graphDigest }
  return { ...job, sources, exchanges, stages, watermarks, states }
}
