/** For tests: a cluster whose answers the test gives by hand, and batches as a broker would send them. */
import { systemClock } from '../../../src/common/clock.ts'
import { silentLogger } from '../../../src/common/logger.ts'
import { readInt64, writeInt64 } from '../codec/batch-format.ts'
import { RecordBatchBuilder, stampBatch } from '../codec/record-batch-builder.ts'
import type { ClusterAccess, Lane, RequestOptions, RequestTarget } from './cluster-access.ts'
import type { RequestType } from './request-type.ts'
import type { FetchedPartition } from './requests/fetch-request.ts'

/** A request that waits for the test's answer. */
export interface ScriptedRequest<Input = unknown, Output = unknown> {
  readonly target: RequestTarget
  readonly type: RequestType<Input, Output>
  readonly input: Input
  answer(output: Output): void
  fail(error: Error): void
}

export class ScriptedCluster implements ClusterAccess {
  readonly logger = silentLogger
  readonly clock = systemClock
  readonly random = Math.random
  readonly requestTimeoutMs = 1_000
  /** Not answered yet, oldest first. */
  readonly pending: ScriptedRequest[] = []
  readonly leaders = new Map<string, number>()
  readonly topicErrors = new Map<string, number>()
  readonly forgotten: RequestTarget[] = []
  refreshes = 0
  /** Called at each refresh: here a test moves leaders. */
  onRefresh: () => void = () => {}

  lead(topic: string, partition: number, broker: number): this {
    this.leaders.set(`${topic}:${partition}`, broker)
    return this
  }

  openLane(name: string): Lane {
    return { name, close() {} }
  }

  request<Input, Output>(
    target: RequestTarget,
    type: RequestType<Input, Output>,
    input: Input,
    _options?: RequestOptions,
  ): Promise<Output> {
    return new Promise((resolve, reject) => {
      const request: ScriptedRequest<Input, Output> = { target, type, input, answer: resolve, fail: reject }
      this.pending.push(request as ScriptedRequest)
    })
  }

  leaderOf(topic: string, partition: number): number | undefined {
    return this.leaders.get(`${topic}:${partition}`)
  }

  partitionCount(topic: string): number | undefined {
    const count = [...this.leaders.keys()].filter((key) => key.startsWith(`${topic}:`)).length
    return count === 0 ? undefined : count
  }

  async refreshMetadata(): Promise<void> {
    this.refreshes++
    this.onRefresh()
  }

  topicError(topic: string): number {
    return this.topicErrors.get(topic) ?? 0
  }

  forgetCoordinator(target: RequestTarget): void {
    this.forgotten.push(target)
  }

  /** The oldest unanswered request of a type; waits for it to come. */
  async next<Input, Output>(type: RequestType<Input, Output>, timeoutMs = 1_000): Promise<ScriptedRequest<Input, Output>> {
    const deadline = performance.now() + timeoutMs
    for (;;) {
      const index = this.pending.findIndex((request) => request.type.apiKey === type.apiKey)
      if (index >= 0) return this.pending.splice(index, 1)[0] as ScriptedRequest as ScriptedRequest<Input, Output>
      if (performance.now() > deadline) throw new Error(`no ${type.name} request came within ${timeoutMs} ms`)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }

  /** Fails if such a request is waiting, now or some milliseconds later. */
  async none(type: RequestType<never, unknown>, waitMs = 15): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, waitMs))
    const found = this.pending.find((request) => request.type.apiKey === type.apiKey)
    if (found !== undefined) throw new Error(`a ${type.name} request was sent: ${JSON.stringify(found.input)}`)
  }
}

export interface TestBatch {
  readonly baseOffset: number
  /** One record each; their offsets follow one another. */
  readonly values: readonly string[]
  readonly producerId?: number
  readonly producerEpoch?: number
  readonly baseSequence?: number
  readonly isTransactional?: boolean
  /** A transaction marker instead of records. */
  readonly marker?: 'abort' | 'commit'
  /** Offsets at the batch's end whose records compaction has removed. */
  readonly removedAtEnd?: number
}

export function buildTestBatch(batch: TestBatch): Buffer {
  const builder = new RecordBatchBuilder(256)
  if (batch.marker !== undefined) {
    const key = Buffer.from([0, 0, 0, batch.marker === 'commit' ? 1 : 0])
    builder.appendBytes(0, key, Buffer.alloc(6))
  } else for (const value of batch.values) builder.appendText(1_795_000_000_000, null, value)
  const sealed = builder.seal('none')
  const { buffer } = sealed
  writeInt64(buffer, 0, batch.baseOffset)
  if (batch.removedAtEnd) buffer.writeInt32BE(buffer.readInt32BE(23) + batch.removedAtEnd, 23)
  if (batch.marker !== undefined) buffer.writeInt16BE(buffer.readInt16BE(21) | 0x20, 21)
  stampBatch(sealed, {
    producerId: batch.producerId ?? -1,
    producerEpoch: batch.producerEpoch ?? (batch.producerId === undefined ? -1 : 0),
    baseSequence: batch.baseSequence ?? -1,
    isTransactional: batch.isTransactional ?? batch.marker !== undefined,
  })
  return buffer
}

/** A part of a fetch answer. */
export function fetchedPartition(
  topic: string,
  partition: number,
  batches: readonly Buffer[],
  more: Partial<FetchedPartition> = {},
): FetchedPartition {
  const records = Buffer.concat(batches)
  const last = batches.at(-1)
  const end = last === undefined ? 0 : readInt64(last, 0) + last.readInt32BE(23) + 1
  return {
    topic,
    partition,
    errorCode: 0,
    highWatermark: end,
    lastStableOffset: end,
    logStartOffset: 0,
    abortedTransactions: [],
    records,
    ...more,
  }
}
