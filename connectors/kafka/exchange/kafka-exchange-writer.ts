/**
 * Writes the frames of one worker for one epoch, as one idempotent producer: one frame is one Kafka record without a key.
 *
 * Order: what is appended to a partition lies there in that order, whatever brokers do meanwhile (client/sender.ts). A
 * barrier and everything appended before it form a span of the sender, so several barriers may be on their way at once,
 * and each resolves with its own offsets.
 */
import { defined } from '../../../src/common/assert.ts'
import type { Clock } from '../../../src/common/clock.ts'
import { MillraceError } from '../../../src/common/errors.ts'
import type { ExchangeTopic, ExchangeWriter } from '../../../src/ports/exchange.ts'
import type { PartitionAppender } from '../client/partition-appender.ts'
import type { ProducerIdentity } from '../client/producer.ts'
import type { PartitionRange, ProducerSpan } from '../client/producer-span.ts'
import type { Sender } from '../client/sender.ts'

type EndOffsets = Record<string, Record<number, number>>

export class KafkaExchangeWriter implements ExchangeWriter {
  readonly producerId: number
  private readonly sender: Sender
  private readonly identity: ProducerIdentity
  private readonly clock: Clock
  /** By exchange: of every partition. */
  private readonly appenders = new Map<string, readonly PartitionAppender[]>()
  private readonly exchangeOfTopic = new Map<string, string>()
  /** What was appended since the last barrier. */
  private span: ProducerSpan

  constructor(sender: Sender, identity: ProducerIdentity, clock: Clock, topics: readonly ExchangeTopic[]) {
    this.sender = sender
    this.identity = identity
    this.clock = clock
    this.producerId = identity.producerId
    for (const { exchange, topic, partitions } of topics) {
      this.exchangeOfTopic.set(topic, exchange)
      this.appenders.set(
        exchange,
        Array.from({ length: partitions }, (_, partition) => sender.builder(topic, partition)),
      )
    }
    this.span = sender.use(identity)
  }

  append(exchange: string, partition: number, buffer: Buffer, start: number, end: number): void {
    const appender = defined(this.appenders.get(exchange)?.[partition], 'partition of an exchange')
    // The time is for people who look into the topic; event time travels in the frame.
    appender.appendBytes(this.clock.nowMs(), null, buffer.subarray(start, end))
  }

  async appendToAll(buffer: Buffer): Promise<EndOffsets> {
    const nowMs = this.clock.nowMs()
    for (const appenders of this.appenders.values()) {
      for (const appender of appenders) appender.appendBytes(nowMs, null, buffer)
    }
    const { span } = this
    // Ends the span before: its open batches are sealed, and sealed ones wait for no linger.
    this.span = this.sender.use(this.identity)
    return this.endOffsets(await span.flushed)
  }

  backPressure(): Promise<void> | null {
    return this.sender.whenDrained()
  }

  async close(): Promise<void> {
    this.sender.close()
  }

  /** The barrier is the last record of the span in each partition. */
  private endOffsets(ranges: readonly PartitionRange[]): EndOffsets {
    const ends: EndOffsets = {}
    for (const exchange of this.appenders.keys()) ends[exchange] = {}
    for (const { topic, partition, firstOffset, lastOffset, recordCount } of ranges) {
      // Readers accept by these offsets: better none than a guess.
      if (firstOffset < 0 || lastOffset - firstOffset + 1 < recordCount) {
        throw new MillraceError('MR_KAFKA_PROTOCOL', `Kafka does not tell at which offsets of ${topic}-${partition} it wrote`, {
          details: { topic, partition, firstOffset, lastOffset, recordCount },
        })
      }
      defined(ends[defined(this.exchangeOfTopic.get(topic), 'exchange of a topic')], 'exchange')[partition] = lastOffset + 1
    }
    return ends
  }
}
