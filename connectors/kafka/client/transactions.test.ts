import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMillraceError } from '../../../src/common/errors.ts'
import { connectionLost } from './connection-errors.ts'
import { KafkaCode } from './kafka-errors.ts'
import { EndTxn, InitProducerId } from './requests/transaction-requests.ts'
import { ScriptedCluster } from './testing.ts'
import { endTxn, initProducerId } from './transactions.ts'

const TRANSACTION = { transactionalId: 'app.0.1', producerId: 7, producerEpoch: 3 }

for (const [code, kind] of [
  [KafkaCode.invalidProducerEpoch, 'invalid-producer-epoch'],
  [KafkaCode.producerFenced, 'invalid-producer-epoch'],
  [KafkaCode.invalidTxnState, 'invalid-txn-state'],
  [KafkaCode.invalidProducerIdMapping, 'not-found'],
  [KafkaCode.transactionalIdNotFound, 'not-found'],
  [0, 'committed'],
] as const) {
  test(`EndTxn answered with ${code} is told as ${kind}`, async () => {
    const cluster = new ScriptedCluster()
    const outcome = endTxn(cluster, TRANSACTION, 'commit')
    const request = await cluster.next(EndTxn)
    assert.deepEqual(request.input, { ...TRANSACTION, commit: true })
    request.answer({ errorCode: code })
    assert.deepEqual(await outcome, { kind })
  })
}

test('EndTxn is asked again while the coordinator loads, moves, completes or is away', async () => {
  const cluster = new ScriptedCluster()
  const outcome = endTxn(cluster, TRANSACTION, 'abort')
  for (const code of [14, 15, 16, 51]) {
    const request = await cluster.next(EndTxn)
    request.answer({ errorCode: code })
  }
  const lost = await cluster.next(EndTxn)
  lost.fail(connectionLost('broker 1', undefined))
  const last = await cluster.next(EndTxn)
  last.answer({ errorCode: 0 })
  assert.deepEqual(await outcome, { kind: 'aborted' })
  assert.ok(cluster.forgotten.length >= 4)
})

test('an answer that cannot be had in time is an error, not a guess', async () => {
  const cluster = new ScriptedCluster()
  const outcome = endTxn(cluster, TRANSACTION, 'commit', 30)
  const answering = (async () => {
    for (;;) {
      const request = await cluster.next(EndTxn, 60).catch(() => undefined)
      if (request === undefined) return
      request.answer({ errorCode: 15 })
    }
  })()
  await assert.rejects(outcome, (error) => isMillraceError(error, 'MR_KAFKA_COORDINATOR_UNAVAILABLE'))
  await answering
})

test('a known identity goes along with InitProducerId, and a stale one is fenced', async () => {
  const cluster = new ScriptedCluster()
  const result = initProducerId(cluster, 'app.0.1', { known: TRANSACTION, transactionTimeoutMs: 900_000 })
  const busy = await cluster.next(InitProducerId)
  assert.deepEqual(busy.input, {
    transactionalId: 'app.0.1',
    transactionTimeoutMs: 900_000,
    producerId: 7,
    producerEpoch: 3,
  })
  busy.answer({ errorCode: KafkaCode.concurrentTransactions, producerId: -1, producerEpoch: -1 })
  const fenced = await cluster.next(InitProducerId)
  fenced.answer({ errorCode: KafkaCode.producerFenced, producerId: -1, producerEpoch: -1 })
  await assert.rejects(result, (error) => isMillraceError(error, 'MR_KAFKA_PRODUCER_FENCED'))
})

test('a transaction timeout above the limit of the brokers is named as such', async () => {
  const cluster = new ScriptedCluster()
  const result = initProducerId(cluster, 'app.0.1')
  const request = await cluster.next(InitProducerId)
  request.answer({ errorCode: KafkaCode.invalidTransactionTimeout, producerId: -1, producerEpoch: -1 })
  await assert.rejects(result, (error) => isMillraceError(error, 'MR_KAFKA_TRANSACTION_TIMEOUT'))
})
