/** Where records of one partition are appended: fills the open batch and seals it at its size. The hot path. */
import type { Clock } from '../../../src/common/clock.ts'
import type { Compression } from '../codec/compression.ts'
import { type HeaderInput, RecordBatchBuilder } from '../codec/record-batch-builder.ts'
import { PartitionQueue } from './partition-queue.ts'
import type { ProducerSpan, SpanPartition } from './producer-span.ts'

/** What an appender needs of its sender. */
export interface AppenderHost {
  readonly compression: Compression
  readonly clock: Clock
  /** The span that appended records belong to. Throws where the sender has failed or nobody has called `use`. */
  currentSpan(): ProducerSpan
  /** The first record went into an open batch. */
  onOpened(appender: PartitionAppender): void
  onSealed(appender: PartitionAppender, bytes: number): void
}

/** What a record takes besides its key and value, at most, for the guess whether it fits. */
const RECORD_OVERHEAD_BYTES = 24

export class PartitionAppender {
  readonly queue: PartitionQueue
  readonly #host: AppenderHost
  readonly #builder = new RecordBatchBuilder(16 * 1024)
  /** Sealed at this size, uncompressed; a larger record goes alone. */
  maxBatchBytes: number
  #share: SpanPartition | undefined
  #openedAtMs = 0

  constructor(host: AppenderHost, topic: string, partition: number, maxBatchBytes: number) {
    this.#host = host
    this.maxBatchBytes = maxBatchBytes
    this.queue = new PartitionQueue(topic, partition)
  }

  get topic(): string {
    return this.queue.topic
  }

  get partition(): number {
    return this.queue.partition
  }

  /** Bytes in the open batch, uncompressed. */
  get openBytes(): number {
    return this.#builder.count === 0 ? 0 : this.#builder.byteLength
  }

  /** Monotonic time of the first record of the open batch; undefined: nothing is open. */
  get openedAtMs(): number | undefined {
    return this.#builder.count === 0 ? undefined : this.#openedAtMs
  }

  /** Whose the open batch is. */
  get openShare(): SpanPartition | undefined {
    return this.#builder.count === 0 ? undefined : this.#share
  }

  /** @param timestampMs since 1970 @param key latin1: one char is one byte @param value any text, written as UTF-8 */
  appendText(timestampMs: number, key: string | null, value: string): void {
    this.#prepare((key === null ? 0 : key.length) + value.length)
    this.#builder.appendText(timestampMs, key, value)
    if (this.#builder.byteLength >= this.maxBatchBytes) this.seal()
  }

  /** A key given as a string is latin1. */
  appendBytes(
    timestampMs: number,
    key: Uint8Array | string | null,
    value: Uint8Array | null,
    headers?: readonly HeaderInput[],
  ): void {
    this.#prepare((key === null ? 0 : key.length) + (value === null ? 0 : value.length))
    this.#builder.appendBytes(timestampMs, key, value, headers)
    if (this.#builder.byteLength >= this.maxBatchBytes) this.seal()
  }

  /** Ends the open batch, if there is one: it joins the queue. */
  seal(): void {
    const share = this.#share
    if (this.#builder.count === 0 || share === undefined) return
    const sealed = this.#builder.seal(this.#host.compression)
    share.span.batchSealed()
    this.queue.push({ share, sealed, createdAtMs: this.#openedAtMs, baseSequence: -1, number: -1, inFlight: false })
    this.#host.onSealed(this, sealed.buffer.length)
  }

  /** A record that doesn't fit any more begins the next batch; a record larger than a batch goes alone. */
  #prepare(payloadBytes: number): void {
    const builder = this.#builder
    if (builder.count > 0) {
      if (builder.byteLength + payloadBytes + RECORD_OVERHEAD_BYTES <= this.maxBatchBytes) return
      this.seal()
    }
    this.#share = this.#host.currentSpan().partition(this.queue.topic, this.queue.partition)
    this.#openedAtMs = this.#host.clock.monotonicMs()
    this.#host.onOpened(this)
  }
}
