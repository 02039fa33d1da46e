/**
 * One partition of a fetcher: what was fetched ahead and where the reader stands. Pure: no requests, no time.
 *
 * `position` is where the reader is, `fetchOffset` where the next fetch begins; between them lies what is buffered.
 */
import { MillraceError } from '../../../src/common/errors.ts'
import { BATCH_LENGTH_AT, LAST_OFFSET_DELTA_AT, LOG_OVERHEAD_BYTES, MAGIC, MAGIC_AT, readInt64 } from '../codec/batch-format.ts'
import { type BatchHeader, decodeRecords, readBatchHeader, readControlRecord } from '../codec/record-batch-reader.ts'
import { AbortedFilter } from './aborted-filter.ts'
import { dropRecordsBefore, type FetchedBatch } from './fetched-batch.ts'
import type { FetchedPartition } from './requests/fetch-request.ts'

/** The records of one answer, being read. */
interface Chunk {
  readonly records: Buffer
  /** Where the whole batches end; behind it may be a part of one. */
  readonly end: number
  /** Null: uncommitted records are wanted. */
  readonly filter: AbortedFilter | null
  at: number
}

export class FetchPartition {
  readonly topic: string
  readonly partition: number
  readonly #readCommitted: boolean
  readonly #chunks: Chunk[] = []
  #position: number
  #fetchOffset: number
  #bufferedBytes = 0
  highWatermark = -1
  lastStableOffset = -1
  isPaused = false
  /** Its buffer was given up while it was paused; not fetched again before it is resumed. */
  isEvicted = false
  /** Not fetched at the moment: an error is being looked into. */
  isSuspended = false
  /** False: no longer assigned; answers for it are dropped. */
  isAssigned = true
  /** Monotonic time since which Kafka says that the partition doesn't exist. */
  missingSinceMs: number | undefined
  /** Answers with an error, in a row. */
  failures = 0
  /** How often in a row the position was said to be out of range although it is not. */
  outOfRangeCount = 0
  #corruptions = 0

  constructor(topic: string, partition: number, offset: number, readCommitted: boolean) {
    this.topic = topic
    this.partition = partition
    this.#readCommitted = readCommitted
    this.#position = offset
    this.#fetchOffset = offset
  }

  get position(): number {
    return this.#position
  }

  get fetchOffset(): number {
    return this.#fetchOffset
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes
  }

  get hasBuffered(): boolean {
    return this.#chunks.length > 0
  }

  /** Takes the part of an answer that was asked for at `fetchOffset`; true if there is anything to read in it. */
  accept(fetched: FetchedPartition): boolean {
    this.highWatermark = fetched.highWatermark
    this.lastStableOffset = fetched.lastStableOffset
    const { records } = fetched
    if (records.length === 0) return false
    const { end, nextOffset } = this.#walk(records)
    const filter = this.#readCommitted ? new AbortedFilter(fetched.abortedTransactions) : null
    this.#chunks.push({ records, end, filter, at: 0 })
    this.#bufferedBytes += end
    this.#fetchOffset = nextOffset
    return true
  }

  /** The next batch with records for the reader, or an advance; undefined: nothing is buffered. */
  next(): FetchedBatch | undefined {
    const from = this.#position
    for (let chunk = this.#chunks[0]; chunk !== undefined; chunk = this.#chunks[0]) {
      if (chunk.at >= chunk.end) {
        this.#chunks.shift()
        continue
      }
      const header = this.#read(() => readBatchHeader(chunk.records, chunk.at))
      if (header === null) throw this.#corrupt('its length is damaged')
      const batch = this.#read(() => this.#decode(chunk, header))
      chunk.at += header.byteLength
      this.#bufferedBytes -= header.byteLength
      this.#position = Math.max(this.#position, header.lastOffset + 1)
      if (chunk.at >= chunk.end) this.#chunks.shift()
      if (batch !== null && batch.count > 0) {
        this.#corruptions = 0
        return this.#batch(header, batch)
      }
    }
    return this.#position > from ? this.#batch(null, null) : undefined
  }

  /** An answer without an error came. */
  recovered(): void {
    this.failures = 0
    this.outOfRangeCount = 0
    this.missingSinceMs = undefined
  }

  /** Forgets what is buffered; it will be fetched again. */
  discard(): void {
    this.#chunks.length = 0
    this.#bufferedBytes = 0
    this.#fetchOffset = this.#position
  }

  /** Counts up at each damaged batch in a row: the damage may have happened on the way, so another try may mend it. */
  countCorruption(): number {
    return ++this.#corruptions
  }

  /** Where the whole batches of an answer end, and the offset behind the last of them. */
  #walk(records: Buffer): { end: number; nextOffset: number } {
    let at = 0
    let nextOffset = this.#fetchOffset
    while (records.length - at >= LAST_OFFSET_DELTA_AT + 4) {
      const length = records.readInt32BE(at + BATCH_LENGTH_AT)
      if (length <= LAST_OFFSET_DELTA_AT + 4 - LOG_OVERHEAD_BYTES || records[at + MAGIC_AT] !== MAGIC) break
      if (at + LOG_OVERHEAD_BYTES + length > records.length) break
      nextOffset = readInt64(records, at) + records.readInt32BE(at + LAST_OFFSET_DELTA_AT) + 1
      at += LOG_OVERHEAD_BYTES + length
    }
    if (at > 0) return { end: at, nextOffset: Math.max(nextOffset, this.#fetchOffset) }
    // The first batch always comes whole (KIP-74). Let the codec say what is wrong with it.
    this.#read(() => readBatchHeader(records, 0))
    throw this.#corrupt('the broker sent a part of a batch')
  }

  #decode(chunk: Chunk, header: BatchHeader): ReturnType<typeof decodeRecords> | null {
    const { records, filter } = chunk
    if (header.isControl) {
      filter?.onMarker(header.producerId, readControlRecord(records, header), header.lastOffset)
      return null
    }
    if (filter?.isAborted(header.producerId, header.isTransactional, header.lastOffset)) return null
    if (header.lastOffset < this.#position) return null
    return dropRecordsBefore(decodeRecords(records, header), this.#position)
  }

  /** Adds the place to what the codec says about damaged bytes. */
  #read<T>(read: () => T): T {
    try {
      return read()
    } catch (cause) {
      if (!(cause instanceof MillraceError)) throw cause
      throw new MillraceError(
        cause.code,
        `${this.topic}-${this.partition}, behind offset ${this.#position}: ${cause.message}`,
        {
          cause,
          details: { ...cause.details, topic: this.topic, partition: this.partition, position: this.#position },
        },
      )
    }
  }

  #corrupt(what: string): MillraceError {
    const { topic, partition } = this
    return new MillraceError(
      'MR_KAFKA_CORRUPT_BATCH',
      `${topic}-${partition}: the batch at offset ${this.#position}: ${what}`,
      {
        details: { topic, partition, position: this.#position },
      },
    )
  }

  #batch(header: BatchHeader | null, records: FetchedBatch['records']): FetchedBatch {
    return {
      topic: this.topic,
      partition: this.partition,
      header,
      records,
      nextOffset: this.#position,
      highWatermark: this.highWatermark,
      lastStableOffset: this.lastStableOffset,
    }
  }
}
