/** The Kafka source: `kafkaSource({ topic, value })`. */
import { MillraceError } from '../../../src/common/errors.ts'
import type { ConnectorContext } from '../../../src/ports/connector-context.ts'
import type { PartitionStart, Source, SourceReader, SourceStart } from '../../../src/ports/source.ts'
import { listOffsets } from '../client/admin.ts'
import { Fetcher } from '../client/fetcher.ts'
import { KafkaSession } from '../kafka-session.ts'
import type { KeySerde, Serde } from '../serde/serde.ts'
import { string } from '../serde/serdes.ts'
import { type DeadLetters, openDeadLetters } from './dead-letters.ts'
import { KafkaSourceReader } from './kafka-source-reader.ts'

/** What becomes of a record that can't be decoded. */
export type OnMalformed =
  /** The job fails, and says topic, partition and offset. */
  | 'fail'
  /** The record is dropped and counted (millrace_malformed_records_total). */
  | 'skip'
  /** The record goes, as it is, with headers that say why, to this topic, in the same transaction as the job's output. */
  | { readonly deadLetterTopic: string }

export interface KafkaSourceOptions<T, K> {
  readonly topic: string
  readonly value: Serde<T>
  /** How record keys are read, for `keyByRecordKey`. Default: text. */
  readonly key?: KeySerde<K>
  /** The time of an event, ms since 1970. Default: the timestamp of the Kafka record. */
  readonly eventTime?: (value: T) => number
  /**
   * Where to begin when there is no checkpoint yet; resolved once and kept. `earliest` (default), `latest`, or the first
   * record at or behind a time, ms since 1970.
   */
  readonly startFrom?: 'earliest' | 'latest' | { readonly timestampMs: number }
  /** Default: `fail`. */
  readonly onMalformed?: OnMalformed
}

export function kafkaSource<T, K = string>(options: KafkaSourceOptions<T, K>): Source<T, K> {
  return new KafkaSource(options)
}

class KafkaSource<T, K> implements Source<T, K> {
  readonly description: string
  readonly fingerprint: string
  readonly keyCodec: Source<T, K>['keyCodec']
  private readonly options: KafkaSourceOptions<T, K>
  private deadLetters: DeadLetters | undefined

  constructor(options: KafkaSourceOptions<T, K>) {
    this.options = options
    this.description = `kafka topic ${options.topic}`
    this.fingerprint = `kafka:${options.topic}`
    // Without a serde for keys K is its default, string.
    this.keyCodec = (options.key ?? (string() as unknown as KeySerde<K>)).keyCodec
  }

  async resolveStart(context: ConnectorContext): Promise<SourceStart> {
    const { topic, startFrom = 'earliest' } = this.options
    const client = await KafkaSession.of(context).client()
    const found = await client.topic(topic)
    const partitions = found.partitions.map((_, partition) => ({ topic, partition }))
    const wanted = await listOffsets(client, partitions, startFrom, { isolation: 'read_committed' })
    const latest = await listOffsets(client, partitions, 'latest', { isolation: 'read_committed' })
    return {
      identity: `kafka:${topic}:${found.topicId}`,
      partitions: wanted.map(({ partition, offset }, i) => ({ partition, position: offset < 0 ? latest[i]!.offset : offset })),
    }
  }

  async openSideSinks(context: ConnectorContext) {
    const { onMalformed } = this.options
    if (typeof onMalformed !== 'object') return []
    const opened = await openDeadLetters(onMalformed.deadLetterTopic, context)
    this.deadLetters = opened.deadLetters
    return [opened.sink]
  }

  async open(context: ConnectorContext, assigned: readonly PartitionStart[]): Promise<SourceReader<T>> {
    const { topic } = this.options
    const client = await KafkaSession.of(context).client()
    const { fetchBudgetBytes, fetchMaxWaitMs } = context.config
    const fetcher = new Fetcher(client, {
      isolation: 'read_committed',
      budgetBytes: fetchBudgetBytes,
      maxWaitMs: fetchMaxWaitMs,
    })
    fetcher.assign(assigned.map(({ partition, position }) => ({ topic, partition, offset: position })))
    if (typeof this.options.onMalformed === 'object' && this.deadLetters === undefined) {
      throw new MillraceError('MR_KAFKA_CLIENT_CLOSED', `the dead-letter topic of ${topic} is not open`)
    }
    return new KafkaSourceReader<T, K>(this.options, context, client, fetcher, this.deadLetters)
  }
}
