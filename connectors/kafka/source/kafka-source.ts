/** The Kafka source: `kafkaSource({ topic, value })`. */
import { MillraceError } from '../../../src/common/errors.ts'
import type { ConnectorContext } from '../../../src/ports/connector-context.ts'
import type { PartitionStart, Source, SourceReader, SourceStart } from '../../../src/ports/source.ts'
import { listOffsets } from '../client/admin.ts'
import { Fetcher } from '../client/fetcher.ts'
import { KafkaSession } from '../kafka-session.ts'
import type { KeySerde } from '../serde/serde.ts'
import { string } from '../serde/serdes.ts'
import { type DeadLetters, openDeadLetters } from './dead-letters.ts'
import type { KafkaSourceOptions } from './kafka-source-options.ts'
import { KafkaSourceReader, topicIdentity } from './kafka-source-reader.ts'

export function kafkaSource<T, K = string>(options: KafkaSourceOptions<T, K>): Source<T, K> {
  return new KafkaSource(options)
}

class KafkaSource<T, K> implements Source<T, K> {
  readonly description: string
  readonly fingerprint: string
  readonly topic: string
  readonly watermarks?: NonNullable<Source<T, K>['watermarks']>
  readonly keyCodec: Source<T, K>['keyCodec']
  private readonly options: KafkaSourceOptions<T, K>
  private deadLetters: DeadLetters | undefined

  constructor(options: KafkaSourceOptions<T, K>) {
    this.options = options
    this.description = `kafka topic ${options.topic}`
    this.fingerprint = `kafka:${options.topic}`
    this.topic = options.topic
    const { outOfOrderness, idleAfter = Number.POSITIVE_INFINITY } = options
    if (outOfOrderness !== undefined) this.watermarks = { outOfOrdernessMs: outOfOrderness, idleAfterMs: idleAfter }
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
    const earliest = await listOffsets(client, partitions, 'earliest')
    return {
      identity: topicIdentity(topic, found.topicId),
      partitions: wanted.map(({ partition, offset }, i) => ({
        partition,
        position: offset < 0 ? latest[i]!.offset : offset,
        first: earliest[i]!.offset,
      })),
    }
  }

  async openSideSinks(context: ConnectorContext) {
    const { onMalformed } = this.options
    if (typeof onMalformed !== 'object') return []
    const opened = await openDeadLetters(onMalformed.deadLetterTopic, context)
    this.deadLetters = opened.deadLetters
    return [opened.sink]
  }

  async open(context: ConnectorContext, assigned: readonly PartitionStart[], identity: string): Promise<SourceReader<T>> {
    const { topic } = this.options
    const client = await KafkaSession.of(context).client()
    const { fetchBudgetBytes, fetchMaxWaitMs } = context.config
    const fetcher = new Fetcher(client, {
      isolation: 'read_committed',
      budgetBytes: context.openFetchBudget?.() ?? (() => fetchBudgetBytes),
      maxWaitMs: fetchMaxWaitMs,
    })
    fetcher.assign(assigned.map(({ partition, position }) => ({ topic, partition, offset: position })))
    if (typeof this.options.onMalformed === 'object' && this.deadLetters === undefined) {
      throw new MillraceError('MR_KAFKA_CLIENT_CLOSED', `the dead-letter topic of ${topic} is not open`)
    }
    return new KafkaSourceReader<T, K>(this.options, context, client, fetcher, this.deadLetters, identity)
  }
}
