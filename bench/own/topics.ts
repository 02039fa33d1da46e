/** The topics of a run, through our own client: filled, watched and read. */
import { createTopics, deleteRecords, deleteTopics, listOffsets } from '../../connectors/kafka/client/admin.ts'
import { KafkaClient } from '../../connectors/kafka/client/client.ts'
import { Fetcher } from '../../connectors/kafka/client/fetcher.ts'
import { ProducerIdentity } from '../../connectors/kafka/client/producer.ts'
import type { ProducerSpan } from '../../connectors/kafka/client/producer-span.ts'
import { Sender } from '../../connectors/kafka/client/sender.ts'
import { initProducerId } from '../../connectors/kafka/client/transactions.ts'
import { utf8Slice } from '../../src/common/bytes.ts'
import { murmur2Latin1, partitionForKey } from '../../src/common/murmur2.ts'
import type { Workload } from './workload.ts'

export const PARTITIONS = 4

/** The input's timestamps lie in the past, and nothing may expire meanwhile. */
const CONFIGS = { 'retention.ms': '-1', 'segment.bytes': '268435456' }

export interface TopicRecord {
  /** Of the Kafka record, ms since 1970. */
  readonly timestamp: number
  readonly partition: number
  readonly value: string
}

export class Topics {
  readonly client: KafkaClient

  private constructor(client: KafkaClient) {
    this.client = client
  }

  static async connect(bootstrap: string): Promise<Topics> {
    return new Topics(await KafkaClient.connect({ brokers: bootstrap.split(','), clientId: 'millrace-bench' }))
  }

  /** False: it was there already. */
  async create(topic: string, configs: Readonly<Record<string, string>> = {}): Promise<boolean> {
    const created = await createTopics(this.client, [
      { name: topic, partitions: PARTITIONS, replicationFactor: -1, configs: { ...CONFIGS, ...configs } },
    ])
    await this.client.topic(topic)
    return created.length > 0
  }

  async delete(...topics: string[]): Promise<void> {
    await deleteTopics(this.client, topics)
  }

  async writer(topic: string, lingerMs = 20): Promise<InputWriter> {
    const identity = new ProducerIdentity(null, await initProducerId(this.client, null))
    return new InputWriter(new Sender(this.client, { lingerMs }), identity, topic)
  }

  /** The last stable offset of each partition. */
  async committedEnds(topic: string, partitions = PARTITIONS): Promise<number[]> {
    const ends = await listOffsets(this.client, partitionsOf(topic, partitions), 'latest', { isolation: 'read_committed' })
    return ends.map(({ offset }) => offset)
  }

  /** Where the partitions end, open transactions included. */
  async ends(topic: string): Promise<number[]> {
    return (await listOffsets(this.client, partitionsOf(topic, PARTITIONS), 'latest')).map(({ offset }) => offset)
  }

  /** Gives the disk free of records that nobody needs any more. */
  async trim(topic: string, before: readonly number[]): Promise<void> {
    await deleteRecords(
      this.client,
      before.map((beforeOffset, partition) => ({ topic, partition, beforeOffset })),
    )
  }

  /** Of one partition, from `start` on. */
  partitionReader(topic: string, partition: number, start: number): TopicReader {
    return new TopicReader(this, topic, [{ partition, start }])
  }

  reader(topic: string, partitions = PARTITIONS, starts: readonly number[] = []): TopicReader {
    const all = Array.from({ length: partitions }, (_, partition) => ({ partition, start: starts[partition] ?? 0 }))
    return new TopicReader(this, topic, all)
  }

  close(): void {
    this.client.close()
  }
}

export class InputWriter {
  readonly #sender: Sender
  readonly #identity: ProducerIdentity
  readonly #topic: string
  #span: ProducerSpan

  constructor(sender: Sender, identity: ProducerIdentity, topic: string) {
    this.#sender = sender
    this.#identity = identity
    this.#topic = topic
    this.#span = sender.use(identity)
  }

  append(workload: Workload, record: number): void {
    const key = workload.textOf(workload.wordOf(record))
    const partition = partitionForKey(murmur2Latin1(key), PARTITIONS)
    this.#sender.builder(this.#topic, partition).appendText(Date.now(), key, workload.valueOf(record))
  }

  /** Records [from, to) as fast as the broker takes them; resolves when they are written. */
  async fill(workload: Workload, from: number, to: number): Promise<void> {
    for (let record = from; record < to; record++) {
      this.append(workload, record)
      if (record % 1_000 === 0) await this.#sender.whenDrained()
    }
    await this.flush()
  }

  /** Records [from, from + rate × seconds), each at its time; `onDue` hears of each before it is sent. */
  async pace(
    workload: Workload,
    from: number,
    rate: number,
    seconds: number,
    onDue: (record: number, dueAtMs: number) => void = () => {},
  ): Promise<void> {
    const startMs = performance.now()
    const total = Math.round(rate * seconds)
    for (let sent = 0; sent < total; ) {
      const due = Math.min(total, Math.floor(((performance.now() - startMs) * rate) / 1000))
      for (; sent < due; sent++) {
        onDue(from + sent, startMs + (sent * 1000) / rate)
        this.append(workload, from + sent)
      }
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    await this.flush()
  }

  async flush(): Promise<void> {
    const before = this.#span
    this.#span = this.#sender.use(this.#identity)
    await before.flushed
  }

  close(): void {
    this.#sender.close()
  }
}

/** Reads what is committed, from the beginning or from `starts`. */
export class TopicReader {
  readonly #topics: Topics
  readonly #topic: string
  readonly #partitions: number
  readonly #fetcher: Fetcher

  constructor(topics: Topics, topic: string, partitions: readonly { readonly partition: number; readonly start: number }[]) {
    this.#topics = topics
    this.#topic = topic
    this.#partitions = partitions.length
    this.#fetcher = new Fetcher(topics.client, { isolation: 'read_committed', maxWaitMs: 50 })
    this.#fetcher.assign(partitions.map(({ partition, start }) => ({ topic, partition, offset: start })))
  }

  /** What is there already; undefined: nothing. */
  poll(): TopicRecord[] | undefined {
    const batch = this.#fetcher.poll()
    if (batch === undefined) return undefined
    const { records } = batch
    if (records === null) return []
    return Array.from({ length: records.count }, (_, index) => ({
      timestamp: records.timestamps[index]!,
      partition: batch.partition,
      value: utf8Slice(records.buffer, records.valueStart[index]!, records.valueEnd[index]!),
    }))
  }

  whenAvailable(): Promise<void> {
    return this.#fetcher.whenAvailable()
  }

  /** Of the next record, by partition. */
  positions(): number[] {
    return Array.from({ length: this.#partitions }, (_, partition) => this.#fetcher.position(this.#topic, partition) ?? 0)
  }

  /** All that is committed when it is called. */
  async readToEnd(take: (record: TopicRecord) => void): Promise<void> {
    const ends = await this.#topics.committedEnds(this.#topic, this.#partitions)
    const isBehind = () => ends.some((end, partition) => (this.#fetcher.position(this.#topic, partition) ?? 0) < end)
    while (isBehind()) {
      const records = this.poll()
      if (records === undefined) await this.whenAvailable()
      else for (const record of records) take(record)
    }
  }

  close(): void {
    this.#fetcher.close()
  }
}

function partitionsOf(topic: string, partitions: number) {
  return Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
}
