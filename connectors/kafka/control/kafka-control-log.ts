/**
 * The control log as a Kafka topic, `<app>.control`: one partition, never deleted by time or size (R1). Written with
 * acks=all by an idempotent producer with one request in flight, read read_uncommitted (it holds no transactions).
 */
import { isMillraceError, MillraceError } from '../../../src/common/errors.ts'
import type { ConnectorContext } from '../../../src/ports/connector-context.ts'
import type { ControlLog, ControlLogEntry } from '../../../src/ports/control-log.ts'
import { alterConfigs, createTopics, deleteRecords, listOffsets } from '../client/admin.ts'
import type { KafkaClient } from '../client/client.ts'
import { Fetcher } from '../client/fetcher.ts'
import { ProducerIdentity } from '../client/producer.ts'
import { Sender } from '../client/sender.ts'
import { initProducerId } from '../client/transactions.ts'
import { checkSettings, REQUIRED } from '../internal-topics.ts'
import { KafkaSession } from '../kafka-session.ts'

export function controlTopic(applicationId: string): string {
  return `${applicationId}.control`
}

export interface KafkaControlLogOptions {
  /** By somebody who only looks at it, or has a single word to say: it must be there, and is left as it is. */
  readonly isVisit?: boolean
}

interface Writer {
  readonly sender: Sender
  readonly identity: ProducerIdentity
}

export class KafkaControlLog implements ControlLog {
  private readonly context: ConnectorContext
  private readonly topic: string
  private readonly isVisit: boolean
  private client: KafkaClient | undefined
  private writer: Promise<Writer> | undefined
  private appending: Promise<unknown> = Promise.resolve()

  constructor(context: ConnectorContext, { isVisit = false }: KafkaControlLogOptions = {}) {
    this.context = context
    this.topic = controlTopic(context.applicationId)
    this.isVisit = isVisit
  }

  async open(): Promise<{ readonly created: boolean }> {
    const client = await KafkaSession.of(this.context).client()
    this.client = client
    if (this.isVisit) {
      await this.refuseMissing(client)
      return { created: false }
    }
    const { internalReplicationFactor } = this.context.config
    const created = await createTopics(client, [
      {
        name: this.topic,
        partitions: 1,
        replicationFactor: internalReplicationFactor === 0 ? -1 : internalReplicationFactor,
        configs: REQUIRED,
      },
    ])
    const { partitions } = await client.topic(this.topic)
    if (partitions.length !== 1) {
      throw new MillraceError(
        'MR_CONTROL_LOG_UNUSABLE',
        `control topic ${this.topic} has ${partitions.length} partitions; it must have one`,
      )
    }
    await this.mendSettings(client, created.length > 0)
    this.writer = this.openWriter(client)
    await this.writer
    return { created: created.length > 0 }
  }

  append(values: readonly Buffer[]): Promise<number> {
    const appended = this.appending.then(() => this.appendNow(values))
    this.appending = appended.catch(() => {})
    return appended
  }

  async endOffset(): Promise<number> {
    const [end] = await listOffsets(this.opened(), [{ topic: this.topic, partition: 0 }], 'latest')
    return end?.offset ?? 0
  }

  async *tail(offset: number, signal: AbortSignal): AsyncIterable<readonly ControlLogEntry[]> {
    const client = this.opened()
    const fetcher = new Fetcher(client, { isolation: 'read_uncommitted' })
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    try {
      const [earliest] = await listOffsets(client, [{ topic: this.topic, partition: 0 }], 'earliest')
      fetcher.assign([{ topic: this.topic, partition: 0, offset: Math.max(offset, earliest?.offset ?? 0) }])
      while (!signal.aborted) {
        const batch = fetcher.poll()
        if (batch === undefined) await Promise.race([fetcher.whenAvailable(), aborted])
        else if (batch.records !== null) yield entriesOf(batch.records)
      }
    } catch (error) {
      throw isMillraceError(error, 'MR_KAFKA_OFFSET_OUT_OF_RANGE') ? leftBehind(this.topic, error) : error
    } finally {
      await fetcher.close()
    }
  }

  async trim(offset: number): Promise<void> {
    await deleteRecords(this.opened(), [{ topic: this.topic, partition: 0, beforeOffset: offset }])
  }

  async close(): Promise<void> {
    const writer = await this.writer?.catch(() => undefined)
    writer?.sender.close()
  }

  private async appendNow(values: readonly Buffer[]): Promise<number> {
    this.writer ??= this.openWriter(this.opened())
    const { sender, identity } = await this.writer
    const span = sender.use(identity)
    const appender = sender.builder(this.topic, 0)
    const now = this.context.clock.nowMs()
    for (const value of values) appender.appendBytes(now, null, value)
    sender.end()
    const [range] = await span.flushed
    if (range === undefined || range.recordCount !== values.length) {
      throw new MillraceError('MR_CONTROL_LOG_UNUSABLE', `an append to ${this.topic} was acknowledged in part`)
    }
    return range.firstOffset
  }

  /** Somebody may have changed the topic since: checked at each start (R1), and put right with a warning. */
  private async mendSettings(client: KafkaClient, isNew: boolean): Promise<void> {
    const { wrong } = await checkSettings(client, this.topic)
    const names = Object.keys(wrong)
    if (names.length === 0) return
    // Of a topic that another worker has made this moment, the bounds may still be missing.
    if (!isNew && names.some((name) => name in REQUIRED)) {
      this.context.logger.warn('control-topic-settings-mended', { topic: this.topic, settings: names.join(', ') })
    }
    await alterConfigs(client, { topic: this.topic }, wrong)
  }

  private async openWriter(client: KafkaClient): Promise<Writer> {
    // One request in flight: a decision must not overtake the one before it.
    const sender = new Sender(client, { maxInFlightPerBroker: 1, lingerMs: 0, onFailure: this.context.fail })
    return { sender, identity: new ProducerIdentity(null, await initProducerId(client, null)) }
  }

  private async refuseMissing(client: KafkaClient): Promise<void> {
    const found = await client.existingTopics([this.topic])
    if (found.has(this.topic)) return
    const { applicationId } = this.context
    throw new MillraceError('MR_CONTROL_LOG_NOT_FOUND', `there is no topic ${this.topic}: no job ${applicationId} has run here`)
  }

  private opened(): KafkaClient {
    if (this.client === undefined) throw new MillraceError('MR_KAFKA_CLIENT_CLOSED', 'the control log is not open')
    return this.client
  }
}

function leftBehind(topic: string, cause: MillraceError): MillraceError {
  return new MillraceError('MR_CONTROL_LOG_BEHIND', `${topic} begins behind what this worker has read of it`, { cause })
}

function entriesOf(records: NonNullable<ReturnType<Fetcher['poll']>>['records']): ControlLogEntry[] {
  if (records === null) return []
  const entries: ControlLogEntry[] = []
  for (let i = 0; i < records.count; i++) {
    entries.push({
      offset: records.offsets[i]!,
      value: Buffer.from(records.buffer.subarray(records.valueStart[i]!, records.valueEnd[i]!)),
    })
  }
  return entries
}
