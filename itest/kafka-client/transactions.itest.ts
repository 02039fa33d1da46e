/** Transactions on a real coordinator: ended from stored identities, by other clients, after restarts and too late. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { KafkaClient } from '../../connectors/kafka/client/client.ts'
import { ProducerIdentity } from '../../connectors/kafka/client/producer.ts'
import { Sender } from '../../connectors/kafka/client/sender.ts'
import { outcomeInLog } from '../../connectors/kafka/client/transaction-outcome.ts'
import { endTxn, initProducerId } from '../../connectors/kafka/client/transactions.ts'
import { isMillraceError } from '../../src/common/errors.ts'
import { type KafkaServer, startKafka } from '../support/servers.ts'
import { allDecided, connect, createTopic, prepareTransaction, readPartition } from './support.ts'

let kafka: KafkaServer
let client: KafkaClient
before(async () => {
  // Brokers look for expired transactions every 10 s by default.
  kafka = await startKafka({ config: { 'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500' } })
  client = await connect(kafka.bootstrap)
})
after(async () => {
  client?.close()
  await kafka?.close()
})

async function committed(topic: string, partition = 0): Promise<string[]> {
  await allDecided(client, topic, partition)
  return (await readPartition(client, topic, partition, 'read_committed')).map(({ value }) => value)
}

test('a prepared transaction is committed by another client from its stored identity', async () => {
  await createTopic(client, 'stored', 2)
  const values = [0, 1].map((partition) => ({ topic: 'stored', partition, value: `v${partition}` }))
  const { transaction, ranges } = await prepareTransaction(client, 'stored-tx', values)
  assert.deepEqual(
    ranges.map(({ partition, firstOffset, lastOffset, recordCount }) => [partition, firstOffset, lastOffset, recordCount]),
    [
      [0, 0, 0, 1],
      [1, 0, 0, 1],
    ],
  )
  assert.deepEqual(await readPartition(client, 'stored', 0, 'read_committed'), [])
  const { producerId } = transaction
  assert.equal(await outcomeInLog(client, { producerId, ranges }, 300), 'undecided')

  const other = await connect(kafka.bootstrap)
  const stored = JSON.parse(JSON.stringify(transaction))
  assert.deepEqual(await endTxn(other, stored, 'commit'), { kind: 'committed' })
  assert.deepEqual(await endTxn(other, stored, 'commit'), { kind: 'committed' }, 'again is no error')
  assert.deepEqual(await endTxn(other, stored, 'abort'), { kind: 'invalid-txn-state' })
  assert.equal(await outcomeInLog(other, { producerId, ranges }), 'committed')
  other.close()
  assert.deepEqual([await committed('stored', 0), await committed('stored', 1)], [['v0'], ['v1']])
})

test('an aborted transaction is seen by nobody who reads committed records', async () => {
  await createTopic(client, 'aborted', 1)
  const { transaction, ranges } = await prepareTransaction(client, 'aborted-tx', [
    { topic: 'aborted', partition: 0, value: 'x' },
  ])
  assert.deepEqual(await endTxn(client, transaction, 'abort'), { kind: 'aborted' })
  assert.deepEqual(await endTxn(client, transaction, 'commit'), { kind: 'invalid-txn-state' })
  assert.equal(await outcomeInLog(client, { producerId: transaction.producerId, ranges }), 'aborted')
  assert.deepEqual(await committed('aborted'), [])
  assert.equal((await readPartition(client, 'aborted', 0, 'read_uncommitted')).length, 1)
})

test('a prepared transaction survives the broker and is committed behind its restart', async () => {
  await createTopic(client, 'restarted', 1)
  const { transaction, ranges } = await prepareTransaction(client, 'restarted-tx', [
    { topic: 'restarted', partition: 0, value: 'kept' },
  ])
  const restarting = kafka.restart('SIGKILL')
  await new Promise((resolve) => setTimeout(resolve, 300))
  assert.deepEqual(await endTxn(client, transaction, 'commit'), { kind: 'committed' })
  await restarting
  assert.equal(await outcomeInLog(client, { producerId: transaction.producerId, ranges }), 'committed')
  assert.deepEqual(await committed('restarted'), ['kept'])
})

test('a transaction that Kafka let expire is told as such, and the log says that it was aborted', async () => {
  await createTopic(client, 'expired', 1)
  const { transaction, ranges } = await prepareTransaction(
    client,
    'expired-tx',
    [{ topic: 'expired', partition: 0, value: 'late' }],
    1_000,
  )
  const { producerId } = transaction
  assert.equal(await outcomeInLog(client, { producerId, ranges }, 20_000), 'aborted')
  assert.deepEqual(await endTxn(client, transaction, 'commit'), { kind: 'invalid-producer-epoch' })
  // The next transaction of the id goes on with a raised epoch; the one before stays aborted, it committed.
  const next = await prepareTransaction(client, 'expired-tx', [{ topic: 'expired', partition: 0, value: 'next' }])
  assert.equal(next.transaction.producerId, producerId)
  assert.ok(next.transaction.producerEpoch > transaction.producerEpoch)
  await endTxn(client, next.transaction, 'commit')
  assert.equal(await outcomeInLog(client, { producerId, ranges }), 'aborted')
  assert.equal(await outcomeInLog(client, { producerId, ranges: next.ranges }), 'committed')
  assert.deepEqual(await committed('expired'), ['next'])
})

test('InitProducerId with the known identity raises the epoch once, and refuses whoever holds an older one', async () => {
  const first = await initProducerId(client, 'raised-tx')
  const second = await initProducerId(client, 'raised-tx', { known: first })
  assert.deepEqual(second, { producerId: first.producerId, producerEpoch: first.producerEpoch + 1 })
  // The request before, once more: taken for a repeat whose answer was lost (KIP-360), so the epoch stays.
  assert.deepEqual(await initProducerId(client, 'raised-tx', { known: first }), second)
  const third = await initProducerId(client, 'raised-tx')
  assert.equal(third.producerEpoch, second.producerEpoch + 1)
  for (const known of [first, second]) {
    await assert.rejects(initProducerId(client, 'raised-tx', { known }), (error) =>
      isMillraceError(error, 'MR_KAFKA_PRODUCER_FENCED'),
    )
  }
})

test('a sender whose transactional id was taken over fails, and none of its records is committed', async () => {
  await createTopic(client, 'fenced', 1)
  const stale = await initProducerId(client, 'fenced-tx')
  const sender = new Sender(client)
  const span = sender.use(new ProducerIdentity('fenced-tx', stale))
  const current = await initProducerId(client, 'fenced-tx')
  assert.ok(current.producerEpoch > stale.producerEpoch)
  sender.builder('fenced', 0).appendText(Date.now(), null, 'zombie')
  sender.end()
  await assert.rejects(span.flushed, (error) => isMillraceError(error, 'MR_KAFKA_PRODUCER_FENCED'))
  sender.close()
  assert.deepEqual(await readPartition(client, 'fenced', 0, 'read_uncommitted'), [])
})

test('a sender whose open transaction was fenced midway fails at its next batch', async () => {
  await createTopic(client, 'midway', 1)
  const stale = await initProducerId(client, 'midway-tx')
  const sender = new Sender(client)
  const identity = new ProducerIdentity('midway-tx', stale)
  const first = sender.use(identity)
  sender.builder('midway', 0).appendText(Date.now(), null, 'before')
  const second = sender.use(identity)
  await first.flushed
  await initProducerId(client, 'midway-tx')
  sender.builder('midway', 0).appendText(Date.now(), null, 'after')
  sender.end()
  await assert.rejects(second.flushed, (error) => isMillraceError(error, 'MR_KAFKA_PRODUCER_FENCED'))
  sender.close()
  assert.deepEqual(await committed('midway'), [])
})

test('a transaction timeout above the limit of the brokers is refused by name', async () => {
  await assert.rejects(initProducerId(client, 'long-tx', { transactionTimeoutMs: 24 * 3_600_000 }), (error) =>
    isMillraceError(error, 'MR_KAFKA_TRANSACTION_TIMEOUT'),
  )
})

test('turning from transaction to transaction keeps the order on each partition', async () => {
  await createTopic(client, 'turning', 2)
  const sender = new Sender(client, { maxBatchBytes: 2_000 })
  const expected: string[][] = [[], []]
  const commits: Promise<unknown>[] = []
  for (let turn = 0; turn < 12; turn++) {
    const transactionalId = `turning-tx-${turn % 4}`
    // As a worker does it: appended before the identity is known.
    const identity = new ProducerIdentity(transactionalId)
    const span = sender.use(identity)
    for (let index = 0; index < 300; index++) {
      const value = `${turn}.${index}`
      sender.builder('turning', index % 2).appendText(Date.now(), null, value)
      expected[index % 2]?.push(value)
    }
    if (turn >= 4) await commits[turn - 4]
    identity.initialise(await initProducerId(client, transactionalId))
    const before = commits.at(-1) ?? Promise.resolve()
    const { producerId, producerEpoch } = identity
    sender.flush()
    commits.push(
      Promise.all([span.flushed, before]).then(() => endTxn(client, { transactionalId, producerId, producerEpoch }, 'commit')),
    )
    if (turn === 11) sender.end()
  }
  assert.deepEqual(new Set((await Promise.all(commits)).map((outcome) => JSON.stringify(outcome))).size, 1)
  sender.close()
  assert.deepEqual([await committed('turning', 0), await committed('turning', 1)], expected)
})
