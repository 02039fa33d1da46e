/** TLS, SASL and missing rights: what works, and what the errors say. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { KafkaClient } from '../../connectors/kafka/client/client.ts'
import { Fetcher } from '../../connectors/kafka/client/fetcher.ts'
import type { KafkaClientOptions, SaslOptions } from '../../connectors/kafka/client/kafka-client-options.ts'
import { ProducerIdentity } from '../../connectors/kafka/client/producer.ts'
import { Metadata } from '../../connectors/kafka/client/requests/metadata-request.ts'
import { Sender } from '../../connectors/kafka/client/sender.ts'
import { initProducerId } from '../../connectors/kafka/client/transactions.ts'
import { isMillraceError } from '../../src/common/errors.ts'
import { type SecuredBroker, startSecuredBroker } from './secured-broker.ts'
import { createTopic, readPartition } from './support.ts'

let broker: SecuredBroker
before(async () => {
  broker = await startSecuredBroker()
  const anybody = await KafkaClient.connect({ brokers: [broker.plaintext] })
  await createTopic(anybody, 'public', 1)
  anybody.close()
})
after(() => broker?.close())

const SECRET = { username: 'alice', password: 'alice-secret' }
const PLAIN: SaslOptions = { mechanism: 'plain', ...SECRET }

async function using<T>(options: KafkaClientOptions, run: (client: KafkaClient) => Promise<T>): Promise<T> {
  const client = await KafkaClient.connect({ connectTimeoutMs: 3_000, ...options })
  try {
    return await run(client)
  } finally {
    client.close()
  }
}

test('TLS: with the certificate trusted records go both ways, in requests of many pieces', async () => {
  await using({ brokers: [broker.tls], ssl: { ca: broker.certificate } }, async (client) => {
    const sender = new Sender(client, { maxBatchBytes: 50_000 })
    const span = sender.use(new ProducerIdentity(null, await initProducerId(client, null)))
    const values = Array.from({ length: 2_000 }, (_, index) => `${index} `.repeat(50))
    for (const value of values) sender.builder('public', 0).appendText(Date.now(), null, value)
    sender.end()
    await span.flushed
    sender.close()
    const read = await readPartition(client, 'public', 0, 'read_committed')
    assert.ok(read.length === values.length && read.every(({ value }, index) => value === values[index]))
  })
})

test('TLS: a certificate that nobody trusts is refused at once, with a remedy', async () => {
  const startedMs = performance.now()
  await assert.rejects(KafkaClient.connect({ brokers: [broker.tls], ssl: true }), (error) => {
    assert.ok(isMillraceError(error, 'MR_KAFKA_TLS'), String(error))
    assert.match(error.remedy, /ssl\.ca/)
    return true
  })
  assert.ok(performance.now() - startedMs < 3_000)
})

test('TLS is asked for where it is not spoken, and the other way round', async () => {
  await assert.rejects(
    KafkaClient.connect({ brokers: [broker.plaintext], ssl: true, connectTimeoutMs: 500 }),
    (error) => isMillraceError(error, 'MR_KAFKA_TLS') || isMillraceError(error, 'MR_KAFKA_UNREACHABLE'),
  )
  await assert.rejects(
    KafkaClient.connect({ brokers: [broker.tls], connectTimeoutMs: 500, connectionTimeoutMs: 500 }),
    (error) => isMillraceError(error) && error.code.startsWith('MR_KAFKA_'),
  )
})

for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512'] as const) {
  for (const listener of ['sasl', 'saslOverTls'] as const) {
    test(`SASL ${mechanism} ${listener === 'sasl' ? 'without' : 'over'} TLS`, async () => {
      const ssl = listener === 'sasl' ? {} : { ssl: { ca: broker.certificate } }
      await using({ brokers: [broker[listener]], ...ssl, sasl: { mechanism, ...SECRET } }, async (client) => {
        assert.equal(client.brokers.length, 1)
        assert.ok((await initProducerIdOrError(client)) !== undefined)
      })
    })
  }
}

/** What is asked doesn't matter: an answer of any kind shows that the broker knows the user. */
const initProducerIdOrError = (client: KafkaClient) => initProducerId(client, null).catch((error: Error) => error)

test('a wrong password is refused at once, and names the broker', async () => {
  for (const mechanism of ['plain', 'scram-sha-512'] as const) {
    const startedMs = performance.now()
    await assert.rejects(
      KafkaClient.connect({ brokers: [broker.sasl], sasl: { mechanism, username: 'alice', password: 'wrong' } }),
      (error) => isMillraceError(error, 'MR_KAFKA_AUTHENTICATION') && error.message.includes(broker.sasl),
    )
    assert.ok(performance.now() - startedMs < 5_000)
  }
})

test('a mechanism that the listener does not offer is an error of authentication', async () => {
  const sasl: SaslOptions = { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: 'token' }) }
  await assert.rejects(
    KafkaClient.connect({ brokers: [broker.sasl], sasl }),
    (error) => isMillraceError(error, 'MR_KAFKA_AUTHENTICATION') && /OAUTHBEARER|mechanism/i.test(error.message),
  )
})

test('no credentials where they are wanted: the error gives a hint', async () => {
  await assert.rejects(
    KafkaClient.connect({ brokers: [broker.sasl], connectTimeoutMs: 500 }),
    (error) => isMillraceError(error, 'MR_KAFKA_UNREACHABLE') && /SASL/.test(error.message),
  )
})

test('missing rights are named: topic, transactional id', async () => {
  await using({ brokers: [broker.sasl], sasl: PLAIN }, async (client) => {
    await assert.rejects(
      client.topic('public', 500),
      (error) => isMillraceError(error, 'MR_KAFKA_AUTHORIZATION') && /public/.test(error.message),
    )
    await assert.rejects(
      initProducerId(client, 'someone'),
      (error) => isMillraceError(error, 'MR_KAFKA_AUTHORIZATION') && /someone/.test(error.message),
    )
    const fetcher = new Fetcher(client, { isolation: 'read_committed' })
    fetcher.assign([{ topic: 'public', partition: 0, offset: 0 }])
    await assert.rejects(fetcher.whenAvailable(), (error) => isMillraceError(error, 'MR_KAFKA_AUTHORIZATION'))
    fetcher.close()
  })
})

test('a session that ends is opened anew on the same connection', { timeout: 60_000 }, async () => {
  await using({ brokers: [broker.sasl], sasl: PLAIN }, async (client) => {
    const lane = client.openLane('session')
    const connection = await lane.connection(1)
    for (const start = performance.now(); performance.now() - start < 16_000; ) {
      await client.request(1, Metadata, { topics: [] }, { lane })
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    assert.equal(connection.isOpen, true)
  })
})
