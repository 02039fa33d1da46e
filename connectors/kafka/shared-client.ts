/** The Kafka client of a worker: one for all epochs, connected when it is first asked for. */
import type { ConnectorContext } from '../../src/ports/connector-context.ts'
import { KafkaClient } from './client/client.ts'
import { clientOptions } from './client-options.ts'

/** Under this key the worker's client is shared; a simulation puts one of its own there first. */
export const CLIENT_KEY = 'kafka-client'

export class SharedClient {
  private readonly connect: () => Promise<KafkaClient>
  private connecting: Promise<KafkaClient> | undefined

  constructor(connect: () => Promise<KafkaClient>) {
    this.connect = connect
  }

  static of(context: ConnectorContext): SharedClient {
    const { config, logger, clock } = context
    const connect = () => KafkaClient.connect({ ...clientOptions(config, logger), clock })
    return context.share(CLIENT_KEY, () => new SharedClient(connect), 'worker')
  }

  /** Rejects as KafkaClient.connect does; asked again, tries again. */
  get(): Promise<KafkaClient> {
    if (this.connecting === undefined) {
      const connecting = this.connect()
      this.connecting = connecting
      connecting.catch(() => (this.connecting = undefined))
    }
    return this.connecting
  }

  async close(): Promise<void> {
    const client = await this.connecting?.catch(() => undefined)
    client?.close()
  }
}
