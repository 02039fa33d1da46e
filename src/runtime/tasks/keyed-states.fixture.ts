/** One task of a job over a backend: batches in, cuts, flushes and restarts as a test wants them. */

import type { JobDefinition } from '../../api/define-job.ts'
import type { CheckpointMetadata, StateDescription } from '../../checkpoint/metadata.ts'
import { mergeSlices } from '../../checkpoint/segment/merge-slices.ts'
import { systemClock } from '../../common/clock.ts'
import { planStages } from '../../graph/stages.ts'
import type { SourceBatch } from '../../ports/source.ts'
import type { StateBackend } from '../../ports/state-backend.ts'
import type { StateChanges } from '../../records/state-changes.ts'
import type { SealedOverlay } from '../../state/sealed-overlay.ts'
import { WorkerState } from '../../state/worker-state.ts'
import { TaskWatermark } from '../../time/task-watermark.ts'
import { registerStates } from './state-registry.ts'
import { TaskChain } from './task-chain.ts'

export const TASK = 'in/0'
const MARKER = { checkpoint: 1, epoch: 0, metadataDigest: 'd' }

export interface KeyedRecord<T> {
  readonly key: string
  readonly value: T
}

/** The job reads `in` and writes to the sink `out`. */
export class OneTask<T> {
  backend: StateBackend
  /** What came out. */
  readonly emitted: unknown[] = []
  /** What the flushed generations have changed, oldest first: the chain of segments. */
  readonly chain: StateChanges[] = []
  states: readonly StateDescription[] = []
  state!: WorkerState
  private readonly cacheBytes: number
  private nowMs = 0
  private sealed: SealedOverlay[] = []
  private process!: TaskChain
  private job: JobDefinition

  constructor(job: JobDefinition, backend: StateBackend, cacheBytes: number) {
    this.job = job
    this.backend = backend
    this.cacheBytes = cacheBytes
    this.begin()
  }

  async run(records: readonly KeyedRecord<T>[], nowMs: number): Promise<void> {
    this.nowMs = nowMs
    await this.process.process(batchOf(records), nowMs)
    this.state.trim()
  }

  seal(): void {
    this.sealed.push(this.state.seal())
  }

  /** Everything that is sealed. */
  async flush(): Promise<void> {
    const sealed = this.sealed
    this.sealed = []
    for (const overlay of sealed) this.chain.push(...(await overlay.encode(systemClock)))
    await this.state.flush(sealed, MARKER)
  }

  /** From what is flushed; what is not is lost. */
  restart(job = this.job): void {
    this.job = job
    this.state.close()
    this.sealed = []
    this.begin()
  }

  /** The same, with the compacted chain in an empty backend. */
  async restore(backend: StateBackend, nowMs: number, job = this.job): Promise<void> {
    this.backend = backend
    const newestFirst = this.chain.map((changes) => [changes]).reverse()
    const compacted: StateChanges[] = []
    for await (const changes of mergeSlices(newestFirst, { dropDeletes: true, expiredByMs: nowMs })) compacted.push(changes)
    this.chain.splice(0, this.chain.length, ...compacted)
    await backend.apply(compacted, new Map([[TASK, MARKER]]))
    this.restart(job)
  }

  private begin(): void {
    const { graph } = this.job
    const restored = { checkpoint: 1, states: this.states } as unknown as CheckpointMetadata
    const registry = registerStates(graph, restored)
    this.states = JSON.parse(JSON.stringify(registry.descriptions()))
    this.state = new WorkerState(this.backend, { ...systemClock, nowMs: () => this.nowMs }, this.cacheBytes)
    const writer = { usesRecordKey: false, write: (value: unknown) => this.emitted.push(value) }
    this.process = new TaskChain({
      stage: planStages(graph)[0]!,
      state: this.state.openTask(TASK),
      registry,
      writers: new Map([['out', writer]]) as never,
      outputs: new Map(),
      watermark: new TaskWatermark(),
      isStateEmpty: this.chain.length === 0,
    })
  }
}

function batchOf<T>(records: readonly KeyedRecord<T>[]): SourceBatch<T> {
  const keys = records.map(({ key }) => Buffer.from(key))
  let end = 0
  const keyEnds = keys.map(({ length }) => (end += length))
  return {
    partition: 0,
    count: records.length,
    values: records.map(({ value }) => value),
    timestamps: records.map(() => 0),
    keyBytes: Buffer.concat(keys),
    keyStarts: keyEnds.map((keyEnd, i) => keyEnd - keys[i]!.length),
    keyEnds,
    nextPosition: records.length,
    positionOf: (i) => i,
  }
}
