/**
 * The exchanges of a job through Kafka: a topic each, `<app>.exchange.<exchange>` (exchange-topics.ts). One writer and one
 * reader a worker and epoch.
 */
import type { ConnectorContext } from '../../../src/ports/connector-context.ts'
import type {
  Exchange,
  ExchangeInput,
  ExchangeReader,
  ExchangeSpec,
  ExchangeTopic,
  ExchangeWriter,
} from '../../../src/ports/exchange.ts'
import { deleteRecords, listOffsets } from '../client/admin.ts'
import type { ClusterAccess } from '../client/cluster-access.ts'
import { Fetcher } from '../client/fetcher.ts'
import { ProducerIdentity } from '../client/producer.ts'
import { Sender } from '../client/sender.ts'
import { initProducerId } from '../client/transactions.ts'
import { KafkaSession } from '../kafka-session.ts'
import { exchangeTopic, existingPartitions, prepareExchangeTopics } from './exchange-topics.ts'
import { KafkaExchangeReader } from './kafka-exchange-reader.ts'
import { KafkaExchangeWriter } from './kafka-exchange-writer.ts'

/**
 * How frames are sent. Not by the options for output: those are for readers of the output, these topics are our own.
 * LZ4 leaves a third of the bytes of MessagePack frames. It takes a tenth of a microsecond a record (bench/micro/
 * exchange-frame.ts), which sockets and the broker's disk give back: through a broker on the same machine, writer and
 * reader together take the same 1.7 µs a record with it and without, and the broker 1.2 instead of 1.5.
 */
const SENDING = {
  compression: 'lz4',
  /** Far below what checkpoints take. With 0 a busy worker sends four times as many requests, at twice the broker's work. */
  lingerMs: 5,
  maxBatchBytes: 256 * 1024,
  /** Not acknowledged yet: enough for some tenths of a second at full speed. */
  maxBufferedBytes: 16 * 1024 * 1024,
} as const

export class KafkaExchange implements Exchange {
  private readonly context: ConnectorContext

  constructor(context: ConnectorContext) {
    this.context = context
  }

  async partitionsOf(exchange: string): Promise<number | undefined> {
    return existingPartitions(await this.cluster(), this.context.applicationId, exchange)
  }

  async prepare(specs: readonly ExchangeSpec[]): Promise<readonly ExchangeTopic[]> {
    const { applicationId, config } = this.context
    const replicationFactor = config.internalReplicationFactor === 0 ? -1 : config.internalReplicationFactor
    return prepareExchangeTopics(await this.cluster(), specs, { applicationId, replicationFactor })
  }

  async openWriter(topics: readonly ExchangeTopic[]): Promise<ExchangeWriter> {
    const cluster = await this.cluster()
    const identity = new ProducerIdentity(null, await initProducerId(cluster, null))
    const sender = new Sender(cluster, { ...SENDING, onFailure: this.context.fail })
    return new KafkaExchangeWriter(sender, identity, cluster.clock, topics)
  }

  async openReader(inputs: readonly ExchangeInput[], producers: ReadonlySet<number>): Promise<ExchangeReader> {
    const { fetchBudgetBytes, fetchMaxWaitMs } = this.context.config
    const cluster = await this.cluster()
    const resolved = await this.fromTheFirst(cluster, inputs)
    const fetcher = new Fetcher(cluster, {
      isolation: 'read_uncommitted',
      budgetBytes: this.context.openFetchBudget?.() ?? (() => fetchBudgetBytes),
      maxWaitMs: fetchMaxWaitMs,
    })
    return new KafkaExchangeReader(this.context, fetcher, resolved, producers, (exchange) => this.topicOf(exchange))
  }

  async trim(before: Readonly<Record<string, Readonly<Record<number, number>>>>): Promise<void> {
    const targets = Object.entries(before).flatMap(([exchange, partitions]) =>
      Object.entries(partitions)
        .filter(([, beforeOffset]) => beforeOffset > 0)
        .map(([partition, beforeOffset]) => ({ topic: this.topicOf(exchange), partition: Number(partition), beforeOffset })),
    )
    if (targets.length > 0) await deleteRecords(await this.cluster(), targets)
  }

  /**
   * A task that the restore point knows nothing of begins at the first frame there is, which is not at 0 where a job of the
   * same name was there before. No frame of the running epoch can be missed so: its channels begin at sequence 0 (R18).
   */
  private async fromTheFirst(cluster: ClusterAccess, inputs: readonly ExchangeInput[]): Promise<readonly ExchangeInput[]> {
    const isNew = ({ position, ended }: ExchangeInput) => position === 0 && ended.every(({ endOffset }) => endOffset === 0)
    const places = inputs.filter(isNew).map(({ exchange, partition }) => ({ topic: this.topicOf(exchange), partition }))
    if (places.length === 0) return inputs
    const first = new Map<string, number>()
    for (const { topic, partition, offset } of await listOffsets(cluster, places, 'earliest')) {
      first.set(`${topic}:${partition}`, offset)
    }
    return inputs.map((input) => {
      if (!isNew(input)) return input
      return { ...input, position: first.get(`${this.topicOf(input.exchange)}:${input.partition}`) ?? 0 }
    })
  }

  private topicOf(exchange: string): string {
    return exchangeTopic(this.context.applicationId, exchange)
  }

  private cluster(): Promise<ClusterAccess> {
    return KafkaSession.of(this.context).client()
  }
}
