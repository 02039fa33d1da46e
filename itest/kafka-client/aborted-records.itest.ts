/**
 * Interleaved transactions of several producers in one partition, many of them aborted, read from every offset: what a
 * read_committed reader gets is what the transactions' outcomes say, no more and no less.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { deleteRecords } from '../../connectors/kafka/client/admin.ts'
import type { KafkaClient } from '../../connectors/kafka/client/client.ts'
import { ProducerIdentity } from '../../connectors/kafka/client/producer.ts'
import { Sender } from '../../connectors/kafka/client/sender.ts'
import { endTxn, initProducerId } from '../../connectors/kafka/client/transactions.ts'
import { type KafkaServer, startKafka } from '../support/servers.ts'
import { allDecided, connect, createTopic, type ReadRecord, readPartition } from './support.ts'

const TOPIC = 'interleaved'
const PRODUCERS = 4
const ROUNDS = 60

let kafka: KafkaServer
let client: KafkaClient
before(async () => {
  kafka = await startKafka()
  client = await connect(kafka.bootstrap)
})
after(async () => {
  client?.close()
  await kafka?.close()
})

/** A generator of numbers from 0 up to 1 that is the same in each run. */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return state / 2 ** 32
  }
}

interface OpenTransaction {
  readonly sender: Sender
  readonly identity: ProducerIdentity
  readonly values: string[]
}

test('from every offset exactly the committed records are read', async () => {
  await createTopic(client, TOPIC, 1)
  const random = numbers(7)
  const open = new Map<number, OpenTransaction>()
  const identities = new Map<number, ProducerIdentity>()
  const isCommitted = new Map<string, boolean>()

  const write = async (producer: number, round: number): Promise<void> => {
    let transaction = open.get(producer)
    if (transaction === undefined) {
      const transactionalId = `interleaved-${producer}`
      // The epoch stays from one transaction to the next, as with other clients: sequences go on, too.
      const identity =
        identities.get(producer) ?? new ProducerIdentity(transactionalId, await initProducerId(client, transactionalId))
      identities.set(producer, identity)
      transaction = { sender: new Sender(client), identity, values: [] }
      open.set(producer, transaction)
    }
    const span = transaction.sender.use(transaction.identity)
    for (let index = 0; index < 1 + random() * 4; index++) {
      const value = `${producer}.${round}.${index}`
      transaction.values.push(value)
      transaction.sender.builder(TOPIC, 0).appendText(Date.now(), null, value)
    }
    transaction.sender.end()
    await span.flushed
  }

  const end = async (producer: number, outcome: 'commit' | 'abort'): Promise<void> => {
    const transaction = open.get(producer)
    if (transaction === undefined) return
    open.delete(producer)
    transaction.sender.close()
    for (const value of transaction.values) isCommitted.set(value, outcome === 'commit')
    const { producerId, producerEpoch } = transaction.identity
    const ended = await endTxn(client, { transactionalId: `interleaved-${producer}`, producerId, producerEpoch }, outcome)
    assert.equal(ended.kind, outcome === 'commit' ? 'committed' : 'aborted')
  }

  for (let round = 0; round < ROUNDS; round++) {
    const producer = Math.floor(random() * PRODUCERS)
    await write(producer, round)
    if (random() < 0.5) await end(Math.floor(random() * PRODUCERS), random() < 0.5 ? 'abort' : 'commit')
  }
  for (let producer = 0; producer < PRODUCERS; producer++) await end(producer, producer % 2 === 0 ? 'abort' : 'commit')
  await allDecided(client, TOPIC, 0)

  const all = await readPartition(client, TOPIC, 0, 'read_uncommitted')
  assert.equal(all.length, isCommitted.size)
  const expected = all.filter(({ value }) => isCommitted.get(value))
  assert.ok(expected.length > 20 && expected.length < all.length - 20)
  const lastOffset = (all.at(-1) as ReadRecord).offset
  for (let from = 0; from <= lastOffset; from += 1 + Math.floor(random() * 3)) {
    const read = await readPartition(client, TOPIC, 0, 'read_committed', from)
    assert.deepEqual(
      read,
      expected.filter(({ offset }) => offset >= from),
      `from offset ${from}`,
    )
  }

  // The log now begins inside a transaction.
  const middle = Math.floor(lastOffset / 2)
  await deleteRecords(client, [{ topic: TOPIC, partition: 0, beforeOffset: middle }])
  assert.deepEqual(
    await readPartition(client, TOPIC, 0, 'read_committed', middle),
    expected.filter(({ offset }) => offset >= middle),
  )
})

test('an open transaction holds readers back at its first record, and lets go when it ends', async () => {
  await createTopic(client, 'held', 1)
  const write = async (transactionalId: string | null, value: string) => {
    const identity = new ProducerIdentity(transactionalId, await initProducerId(client, transactionalId))
    const sender = new Sender(client)
    const span = sender.use(identity)
    sender.builder('held', 0).appendText(Date.now(), null, value)
    sender.end()
    await span.flushed
    sender.close()
    return { transactionalId: transactionalId ?? '', producerId: identity.producerId, producerEpoch: identity.producerEpoch }
  }
  await write(null, 'before')
  const open = await write('holding', 'inside')
  await write(null, 'behind')
  const read = async () => (await readPartition(client, 'held', 0, 'read_committed')).map(({ value }) => value)
  assert.deepEqual(await read(), ['before'])
  await endTxn(client, open, 'abort')
  await allDecided(client, 'held', 0)
  assert.deepEqual(await read(), ['before', 'behind'])
})
