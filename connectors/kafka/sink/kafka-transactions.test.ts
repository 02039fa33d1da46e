import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../../../src/common/logger.ts'
import { KafkaCode } from '../client/kafka-errors.ts'
import { EndTxn, InitProducerId } from '../client/requests/transaction-requests.ts'
import { Sender } from '../client/sender.ts'
import { ScriptedCluster } from '../client/testing.ts'
import { KafkaTransactions } from './kafka-transactions.ts'

async function opened(slots: number) {
  const client = new ScriptedCluster()
  const failures: Error[] = []
  const sender = new Sender(client)
  const transactions = new KafkaTransactions({
    client,
    sender,
    applicationId: 'app',
    workerIndex: 0,
    slots,
    transactionTimeoutMs: 60_000,
    maxBatchBytes: async () => 1_000_000,
    logger: silentLogger,
    fail: (error) => failures.push(error),
  })
  const identities = Array.from({ length: slots }, (_, slot) => [`app.0.${slot}`, { producerId: slot, producerEpoch: 0 }])
  transactions.begin(Object.fromEntries(identities))
  return { client, failures, sender, transactions }
}

/** Commits a transaction of the slot; the epoch that shall be raised behind it is answered with an error. */
async function commitRefusingRaise({ client, transactions }: Awaited<ReturnType<typeof opened>>, slot: number) {
  const id = `app.0.${slot}`
  const committing = transactions.commit({ id, transactionalId: id, producerId: slot, producerEpoch: 0, ranges: [] })
  const ending = await client.next(EndTxn)
  ending.answer({ errorCode: KafkaCode.none })
  assert.deepEqual(await committing, { kind: 'committed' })
  const raise = await client.next(InitProducerId)
  raise.answer({ errorCode: KafkaCode.producerFenced, producerId: -1, producerEpoch: -1 })
  await new Promise((resolve) => setImmediate(resolve))
}

test('fencing reaches every id that the job can ever have used, the one for salvage too', async () => {
  const { client, sender, transactions } = await opened(2)
  const fenced = transactions.fence(2, 2)
  const ids: (string | null)[] = []
  for (let i = 0; i < 5; i++) {
    const raise = await client.next(InitProducerId)
    ids.push(raise.input.transactionalId)
    raise.answer({ errorCode: KafkaCode.none, producerId: i, producerEpoch: 1 })
  }
  await fenced
  assert.deepEqual(ids.sort(), ['app.0.0', 'app.0.1', 'app.1.0', 'app.1.1', 'app.salvage'])
  sender.close()
})

test('a slot whose epoch cannot be raised is left alone, as long as two are left', async () => {
  const scene = await opened(3)
  await commitRefusingRaise(scene, 0)
  assert.deepEqual(scene.failures, [])
  await commitRefusingRaise(scene, 1)
  assert.match(String(scene.failures[0]), /app\.0\.1.*PRODUCER_FENCED/)
  scene.sender.close()
})

test('a worker raises only what it has committed, by the identity that it knows, and aborts nothing, not at its end either', async () => {
  const { client, sender, transactions } = await opened(3)
  assert.equal(await transactions.cut(), null)
  await client.none(InitProducerId)
  const id = 'app.0.0'
  const committing = transactions.commit({ id, transactionalId: id, producerId: 0, producerEpoch: 5, ranges: [] })
  const ending = await client.next(EndTxn)
  assert.equal(ending.input.commit, true)
  ending.answer({ errorCode: KafkaCode.none })
  await committing
  const raise = await client.next(InitProducerId)
  // Without it a worker of an older epoch that wakes here would take the slot from a newer one.
  assert.deepEqual([raise.input.producerId, raise.input.producerEpoch], [0, 5])
  raise.answer({ errorCode: KafkaCode.none, producerId: 0, producerEpoch: 6 })
  await transactions.close()
  await client.none(InitProducerId)
  assert.deepEqual(client.pending, [])
  sender.close()
})

test('an interval without output uses up no slot', async () => {
  const { client, sender, transactions } = await opened(2)
  for (let interval = 0; interval < 5; interval++) {
    assert.equal(await transactions.cut(), null)
    assert.equal(transactions.isExhausted, false)
  }
  assert.deepEqual(client.pending, [])
  sender.close()
})

test('a commit that is answered behind the end raises nothing: the slots are somebody else’s by then', async () => {
  const { client, sender, transactions } = await opened(2)
  const id = 'app.0.0'
  const committing = transactions.commit({ id, transactionalId: id, producerId: 0, producerEpoch: 0, ranges: [] })
  const ending = await client.next(EndTxn)
  await transactions.close()
  ending.answer({ errorCode: KafkaCode.none })
  assert.deepEqual(await committing, { kind: 'committed' })
  await client.none(InitProducerId)
  sender.close()
})
