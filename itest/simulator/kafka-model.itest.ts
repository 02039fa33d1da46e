/** The contract of the Kafka model, on a real broker: what the model answers is what Kafka answers. */
import { after, before, test } from 'node:test'
import { KafkaClient } from '../../connectors/kafka/client/client.ts'
import type { KafkaUnderContract } from '../../connectors/kafka/testing/contract-kit.ts'
import { kafkaContract } from '../../connectors/kafka/testing/kafka-contract.ts'
import { type KafkaServer, startKafka } from '../support/servers.ts'

let kafka: KafkaServer
let clients: KafkaClient[] = []
before(async () => {
  kafka = await startKafka({ config: { 'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500' } })
})
after(async () => {
  await kafka?.close()
})

const underContract: KafkaUnderContract = {
  async connect(clientId) {
    const client = await KafkaClient.connect({ brokers: [kafka.bootstrap], clientId })
    clients.push(client)
    return client
  },
  restart: (how) => kafka.restart(how === 'clean' ? 'SIGTERM' : 'SIGKILL'),
}

for (const [name, script] of Object.entries(kafkaContract)) {
  test(name, async () => {
    try {
      await script(underContract)
    } finally {
      for (const client of clients) client.close()
      clients = []
    }
  })
}
