/** What all Kafka sources and sinks of one worker have in common: the client, the senders, the worker's transactions. */

import { MillraceError } from '../../src/common/errors.ts'
import { effectiveTransactionTimeoutMs } from '../../src/config/transaction-timeout.ts'
import type { ConnectorContext } from '../../src/ports/connector-context.ts'
import type { KafkaClient } from './client/client.ts'
import { Sender } from './client/sender.ts'
import { initProducerId } from './client/transactions.ts'
import { describeIfAllowed } from './describe-if-allowed.ts'
import { SharedClient } from './shared-client.ts'
import { KafkaTransactions } from './sink/kafka-transactions.ts'
import { maxBatchBytes } from './sink/max-batch-bytes.ts'
import { PlainOutput } from './sink/plain-output.ts'

/** Output that is not acknowledged yet, for each sender: enough for some tenths of a second at full speed. */
const MAX_BUFFERED_BYTES = 16 * 1024 * 1024
/**
 * Batches of a transaction may wait longer than those of plain output: nobody sees them before its commit, and the cut sends
 * what is open then. It spares a tenth of a broker's CPU at full speed, and at 5,000 records a second a sixth of the worker's.
 */
const TRANSACTION_LINGER_MS = 100

export class KafkaSession {
  private readonly context: ConnectorContext
  private readonly shared: SharedClient
  private transactional: Promise<KafkaTransactions> | undefined
  private atLeastOnce: Promise<PlainOutput> | undefined
  private readonly senders: Sender[] = []

  constructor(context: ConnectorContext) {
    this.context = context
    // Made before this session, so closed behind it.
    this.shared = SharedClient.of(context)
  }

  /** The one of this worker. */
  static of(context: ConnectorContext): KafkaSession {
    return context.share('kafka', () => new KafkaSession(context))
  }

  client(): Promise<KafkaClient> {
    return this.shared.get()
  }

  /** The transactions that all exactly-once sinks of the worker write in. */
  transactions(): Promise<KafkaTransactions> {
    this.transactional ??= this.openTransactions()
    return this.transactional
  }

  /** For sinks that write at once: idempotent, not transactional. */
  plainOutput(): Promise<PlainOutput> {
    this.atLeastOnce ??= this.openPlainOutput()
    return this.atLeastOnce
  }

  async close(): Promise<void> {
    const transactions = await this.transactional?.catch(() => undefined)
    await transactions?.close()
    for (const sender of this.senders) sender.close()
  }

  private async openTransactions(): Promise<KafkaTransactions> {
    const { config, applicationId, workerIndex, logger } = this.context
    const client = await this.client()
    await requireTransactionVerification(client)
    const limitMs = await transactionTimeoutLimit(client)
    return new KafkaTransactions({
      client,
      sender: await this.openSender(Math.max(config.produceLingerMs, TRANSACTION_LINGER_MS)),
      applicationId,
      workerIndex,
      slots: config.transactionSlots,
      transactionTimeoutMs: effectiveTransactionTimeoutMs(config, limitMs),
      maxBatchBytes: (topic) => maxBatchBytes(client, topic),
      logger,
      fail: this.context.fail,
    })
  }

  private async openPlainOutput(): Promise<PlainOutput> {
    const client = await this.client()
    return new PlainOutput(await this.openSender(this.context.config.produceLingerMs), await initProducerId(client, null))
  }

  private async openSender(lingerMs: number): Promise<Sender> {
    const { config, fail } = this.context
    const sender = new Sender(await this.client(), {
      maxBatchBytes: config.produceBatchBytes,
      lingerMs,
      compression: config.compression,
      maxBufferedBytes: MAX_BUFFERED_BYTES,
      onFailure: fail,
    })
    this.senders.push(sender)
    return sender
  }
}

/** Brokers before 3.6 can leave a transaction open for ever (KIP-890). */
async function requireTransactionVerification(client: KafkaClient): Promise<void> {
  if (await client.supportsTransactionVerification()) return
  throw new MillraceError(
    'MR_KAFKA_VERSION',
    'exactly-once needs Kafka 3.6 or newer on every broker: older ones do not check that a transaction is open (KIP-890)',
    { remedy: 'Upgrade the brokers, or use delivery at-least-once.' },
  )
}

/** The broker's `transaction.max.timeout.ms`. */
async function transactionTimeoutLimit(client: KafkaClient): Promise<number> {
  const DEFAULT_MS = 900_000
  const broker = client.brokers[0]
  if (broker === undefined) return DEFAULT_MS
  const name = 'transaction.max.timeout.ms'
  const settings = await describeIfAllowed(client, { broker: broker.id }, name)
  return Number(settings ?? DEFAULT_MS)
}
