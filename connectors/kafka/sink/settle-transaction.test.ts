/** What recovery learns of a prepared transaction, and what it may do then. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMillraceError } from '../../../src/common/errors.ts'
import { silentLogger } from '../../../src/common/logger.ts'
import { KafkaCode } from '../client/kafka-errors.ts'
import { Fetch } from '../client/requests/fetch-request.ts'
import { ListOffsets } from '../client/requests/offset-requests.ts'
import { EndTxn } from '../client/requests/transaction-requests.ts'
import { Sender } from '../client/sender.ts'
import { buildTestBatch, fetchedPartition, ScriptedCluster } from '../client/testing.ts'
import type { KafkaCommittable } from './kafka-committable.ts'
import { KafkaTransactions } from './kafka-transactions.ts'

const RANGE = { topic: 't', partition: 0, firstOffset: 10, lastOffset: 11, recordCount: 2 }
const PREPARED: KafkaCommittable = {
  id: 'app.0.1:7:3',
  transactionalId: 'app.0.1',
  producerId: 7,
  producerEpoch: 3,
  ranges: [RANGE],
}

function opened() {
  const client = new ScriptedCluster().lead('t', 0, 1)
  const sender = new Sender(client)
  const transactions = new KafkaTransactions({
    client,
    sender,
    applicationId: 'app',
    workerIndex: 0,
    slots: 2,
    transactionTimeoutMs: 60_000,
    maxBatchBytes: async () => 1_000_000,
    logger: silentLogger,
    fail: (error) => assert.fail(error),
  })
  return { client, sender, transactions }
}

async function endTxnAnswers(client: ScriptedCluster, commit: boolean, errorCode: number): Promise<void> {
  const ending = await client.next(EndTxn)
  const { transactionalId, producerId, producerEpoch } = ending.input
  assert.deepEqual([transactionalId, producerId, producerEpoch, ending.input.commit], ['app.0.1', 7, 3, commit])
  ending.answer({ errorCode })
}

/** The log shows the records, and whether they are listed as aborted. */
async function logAnswers(client: ScriptedCluster, isAborted: boolean): Promise<void> {
  const abortedTransactions = isAborted ? [{ producerId: 7, firstOffset: 10 }] : []
  const data = buildTestBatch({ baseOffset: 10, values: ['a', 'b'], producerId: 7, producerEpoch: 3, isTransactional: true })
  const request = await client.next(Fetch)
  request.answer({
    errorCode: 0,
    partitions: [fetchedPartition('t', 0, [data], { lastStableOffset: 20, abortedTransactions })],
  })
}

async function recordsAreDeleted(client: ScriptedCluster): Promise<void> {
  const request = await client.next(Fetch)
  const outOfRange = { errorCode: KafkaCode.offsetOutOfRange, logStartOffset: -1 }
  request.answer({ errorCode: 0, partitions: [fetchedPartition('t', 0, [], outOfRange)] })
  const earliest = await client.next(ListOffsets)
  earliest.answer([{ topic: 't', partition: 0, errorCode: 0, timestamp: -1, offset: 12 }])
}

test('committed, now or long ago', async () => {
  const { client, sender, transactions } = opened()
  const now = transactions.settle(PREPARED)
  await endTxnAnswers(client, true, KafkaCode.none)
  assert.deepEqual(await now, { kind: 'committed' })
  const longAgo = transactions.settle(PREPARED)
  await endTxnAnswers(client, true, KafkaCode.producerFenced)
  await logAnswers(client, false)
  assert.deepEqual(await longAgo, { kind: 'committed' })
  sender.close()
})

test('lost only where the log says that it was aborted', async () => {
  const { client, sender, transactions } = opened()
  const settling = transactions.settle(PREPARED)
  await endTxnAnswers(client, true, KafkaCode.producerFenced)
  await logAnswers(client, true)
  assert.equal((await settling).kind, 'lost')
  sender.close()
})

test('where nothing is left that could tell, the job stops: what may be committed is not written again', async () => {
  const { client, sender, transactions } = opened()
  const settling = transactions.settle(PREPARED)
  await endTxnAnswers(client, true, KafkaCode.producerFenced)
  await recordsAreDeleted(client)
  await assert.rejects(settling, (error) => {
    assert.ok(isMillraceError(error, 'MR_TRANSACTION_LOST'))
    assert.match(error.message, /app\.0\.1:7:3.*2 records to t\/0 at offsets 10 to 11$/)
    return true
  })
  sender.close()
})

test('behind a lost one it is aborted by its own identity, whether it was open or had expired', async () => {
  const { client, sender, transactions } = opened()
  const open = transactions.abandon(PREPARED)
  await endTxnAnswers(client, false, KafkaCode.none)
  await open
  const expired = transactions.abandon(PREPARED)
  await endTxnAnswers(client, false, KafkaCode.producerFenced)
  await logAnswers(client, true)
  await expired
  sender.close()
})

test('behind a lost one nothing can be committed', async () => {
  const { client, sender, transactions } = opened()
  const abandoning = transactions.abandon(PREPARED)
  await endTxnAnswers(client, false, KafkaCode.invalidTxnState)
  await logAnswers(client, false)
  await assert.rejects(abandoning, /nothing is committed behind a lost transaction/)
  sender.close()
})

test('to a running worker a transaction of which nothing is left is lost: recovery finds out', async () => {
  const { client, sender, transactions } = opened()
  const committing = transactions.commit(PREPARED)
  await endTxnAnswers(client, true, KafkaCode.producerFenced)
  await recordsAreDeleted(client)
  assert.equal((await committing).kind, 'lost')
  sender.close()
})
