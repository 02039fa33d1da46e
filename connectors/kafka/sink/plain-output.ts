/** Where sink writers write to: a sender, and how to wait until all is acknowledged. */
import { ProducerIdentity } from '../client/producer.ts'
import type { ProducerSpan } from '../client/producer-span.ts'
import type { Sender } from '../client/sender.ts'
import type { ProducerIdAndEpoch } from '../client/transactions.ts'

export interface KafkaOutput {
  readonly sender: Sender
  /** Resolves when everything written before the call is acknowledged. */
  flush(): Promise<void>
}

/** At-least-once: idempotent, no transaction. */
export class PlainOutput implements KafkaOutput {
  readonly sender: Sender
  private readonly identity: ProducerIdentity
  private span: ProducerSpan

  constructor(sender: Sender, identity: ProducerIdAndEpoch) {
    this.sender = sender
    this.identity = new ProducerIdentity(null, identity)
    this.span = sender.use(this.identity)
  }

  async flush(): Promise<void> {
    const ending = this.span
    this.span = this.sender.use(this.identity)
    await ending.flushed
  }
}
