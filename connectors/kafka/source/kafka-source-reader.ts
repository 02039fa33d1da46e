/** Reads the assigned partitions of a topic, read_committed, and decodes their records batch by batch. */
import { MillraceError, toError } from '../../../src/common/errors.ts'
import type { ConnectorContext, Counter } from '../../../src/ports/connector-context.ts'
import type { PartitionStart, SourceBatch, SourceReader } from '../../../src/ports/source.ts'
import type { KafkaClient } from '../client/client.ts'
import type { FetchedBatch, Fetcher } from '../client/fetcher.ts'
import type { RecordSet } from '../codec/record-set.ts'
import { GroupIdentity } from '../group/group-identity.ts'
import { publishPositions } from '../group/publish-positions.ts'
import type { DeadLetters } from './dead-letters.ts'
import type { KafkaSourceOptions } from './kafka-source-options.ts'

/** What positions in a topic belong to: a topic made anew under the same name has another. */
export function topicIdentity(topic: string, topicId: string | null | undefined): string {
  return `kafka:${topic}:${topicId}`
}

/** A fetched batch that is handed out in pieces. */
interface Unfinished {
  readonly partition: number
  readonly records: RecordSet
  readonly nextOffset: number
  from: number
}

export class KafkaSourceReader<T, K> implements SourceReader<T> {
  private readonly options: KafkaSourceOptions<T, K>
  private readonly context: ConnectorContext
  private readonly client: KafkaClient
  private readonly fetcher: Fetcher
  private readonly deadLetters: DeadLetters | undefined
  private readonly identity: string
  private readonly malformed: Counter
  private readonly lags = new Map<number, number>()
  private unfinished: Unfinished | undefined

  constructor(
    options: KafkaSourceOptions<T, K>,
    context: ConnectorContext,
    client: KafkaClient,
    fetcher: Fetcher,
    deadLetters: DeadLetters | undefined,
    identity: string,
  ) {
    this.options = options
    this.context = context
    this.client = client
    this.fetcher = fetcher
    this.deadLetters = deadLetters
    this.identity = identity
    this.malformed = context.metrics.counter(
      'millrace_malformed_records_total',
      'Records that could not be decoded and were skipped or dead-lettered',
      {
        topic: options.topic,
      },
    )
  }

  poll(maxRecords: number): SourceBatch<T> | undefined {
    const { unfinished } = this
    if (unfinished !== undefined) return this.take(unfinished, maxRecords)
    this.requireSameTopic()
    const fetched = this.fetcher.poll()
    if (fetched === undefined) return undefined
    this.lags.set(fetched.partition, Math.max(0, fetched.lastStableOffset - fetched.nextOffset))
    if (fetched.records === null || fetched.records.count === 0) return emptyBatch(fetched)
    const { partition, records, nextOffset } = fetched
    return this.take({ partition, records, nextOffset, from: 0 }, maxRecords)
  }

  whenAvailable(): Promise<void> {
    return this.fetcher.whenAvailable()
  }

  /**
   * Fetches name a topic, not its id: of one that was deleted and created again they would return whatever lies at the
   * old positions. Brokers refuse the first fetch behind a deletion, and with that the client learns the new id.
   */
  private requireSameTopic(): void {
    const { topic } = this.options
    const now = this.client.topicId(topic)
    if (now === undefined || topicIdentity(topic, now) === this.identity) return
    throw new MillraceError('MR_SOURCE_REPLACED', `topic ${topic} was ${this.identity} and has now the id ${now}`, {
      details: { topic, before: this.identity, now },
    })
  }

  async publishPositions(positions: readonly PartitionStart[]): Promise<void> {
    const { topic } = this.options
    const { current } = GroupIdentity.of(this.context)
    const offsets = positions.map(({ partition, position }) => ({ topic, partition, offset: position }))
    await publishPositions(this.client, this.context.applicationId, current, offsets)
  }

  lag(): ReadonlyMap<number, number> {
    return this.lags
  }

  async close(): Promise<void> {
    await this.fetcher.close()
  }

  private take(batch: Unfinished, maxRecords: number): SourceBatch<T> {
    const { records, partition, from } = batch
    const to = Math.min(records.count, from + maxRecords)
    const isLast = to === records.count
    batch.from = to
    this.unfinished = isLast ? undefined : batch
    return this.decode(partition, records, from, to, isLast ? batch.nextOffset : records.offsets[to]!)
  }

  private decode(partition: number, records: RecordSet, from: number, to: number, nextPosition: number): SourceBatch<T> {
    const { buffer, valueStart, valueEnd } = records
    const values = this.options.value.deserializeAll?.(buffer, valueStart, valueEnd, from, to)
    const times = values === undefined ? undefined : this.timesOf(values)
    if (values === undefined || times === undefined) return this.decodeOneByOne(partition, records, from, to, nextPosition)
    return batchOf(partition, records, values, times, { from, to }, nextPosition)
  }

  /** The event times; null: those of the records; undefined: one of them is no time. */
  private timesOf(values: readonly T[]): number[] | null | undefined {
    const { eventTime } = this.options
    if (eventTime === undefined) return null
    try {
      return values.map((value) => checkedTime(eventTime(value)))
    } catch {
      return undefined
    }
  }

  private decodeOneByOne(
    partition: number,
    records: RecordSet,
    from: number,
    to: number,
    nextPosition: number,
  ): SourceBatch<T> {
    const { value: serde, eventTime } = this.options
    const { buffer, valueStart, valueEnd } = records
    const values: T[] = []
    const times: number[] = []
    /** Indices of the records that could be decoded. */
    const kept: number[] = []
    for (let i = from; i < to; i++) {
      try {
        const start = valueStart[i]!
        const value = start < 0 ? ofTombstone(serde) : serde.deserialize(buffer, start, valueEnd[i]!)
        if (eventTime !== undefined) times.push(checkedTime(eventTime(value)))
        values.push(value)
        kept.push(i)
      } catch (error) {
        this.handleMalformed(partition, records, i, error)
      }
    }
    return batchOf(partition, records, values, eventTime === undefined ? null : times, { indices: kept }, nextPosition)
  }

  private handleMalformed(partition: number, records: RecordSet, index: number, thrown: unknown): void {
    const { topic, value: serde, onMalformed = 'fail' } = this.options
    const offset = records.offsets[index]!
    const cause = toError(thrown)
    if (onMalformed === 'fail') {
      throw new MillraceError(
        'MR_RECORD_MALFORMED',
        `record at offset ${offset} of ${topic}/${partition} can't be read as ${serde.name}: ${cause.message}`,
        {
          cause,
          details: { topic, partition, offset },
        },
      )
    }
    this.malformed.add(1)
    this.context.logger.debug('record-malformed', { topic, partition, offset, error: cause.message })
    this.deadLetters?.add(topic, partition, records, index, cause)
  }
}

function checkedTime(time: number): number {
  if (Number.isSafeInteger(time)) return time
  throw new TypeError(`eventTime() gives ${time} for it, not milliseconds since 1970`)
}

function ofTombstone<T>(serde: { readonly name: string; readonly ofNull?: () => T }): T {
  if (serde.ofNull !== undefined) return serde.ofNull()
  throw new TypeError(`its value is null (a tombstone), which ${serde.name} does not read; wrap it: nullable(${serde.name}())`)
}

/** Nothing for the job, but the position moves: aborted records, control records, gaps. */
function emptyBatch(fetched: FetchedBatch): SourceBatch<never> {
  return {
    partition: fetched.partition,
    count: 0,
    values: [],
    timestamps: [],
    keyBytes: Buffer.alloc(0),
    keyStarts: [],
    keyEnds: [],
    nextPosition: fetched.nextOffset,
    positionOf: () => fetched.nextOffset,
  }
}

/** The records of a batch that were decoded: all of [from, to), or those at these indices. */
type Kept = { readonly from: number; readonly to: number } | { readonly indices: readonly number[] }

/** @param times null: those of the records */
function batchOf<T>(
  partition: number,
  records: RecordSet,
  values: readonly T[],
  times: readonly number[] | null,
  kept: Kept,
  nextPosition: number,
): SourceBatch<T> {
  // Ranges are views, not copies.
  const pick = (array: Float64Array | Int32Array): ArrayLike<number> =>
    'indices' in kept ? kept.indices.map((index) => array[index]!) : array.subarray(kept.from, kept.to)
  return {
    partition,
    count: values.length,
    values,
    timestamps: times ?? pick(records.timestamps),
    keyBytes: records.buffer,
    keyStarts: pick(records.keyStart),
    keyEnds: pick(records.keyEnd),
    nextPosition,
    positionOf: (k) => records.offsets['indices' in kept ? kept.indices[k]! : kept.from + k]!,
  }
}
