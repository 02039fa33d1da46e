/** What the transaction coordinator and the leaders answer to transactional producers (FACTS of R22, R25 and R28). */
import assert from 'node:assert/strict'
import type { TransactionRef } from '../client/requests/transaction-requests.ts'
import { ContractClient, type KafkaUnderContract } from './contract-kit.ts'

export const transactionScripts = {
  async 'a transaction is committed once; asked again the answer is the same, asked otherwise it is refused'(
    kafka: KafkaUnderContract,
  ) {
    const own = await opened(kafka, 'tx-commit')
    const transaction = await own.begin('commit', ['tx-commit'])
    assert.equal(await write(own, 'tx-commit', transaction), 'ok 0')
    assert.equal(await own.end(transaction, 'commit'), 'NONE')
    assert.equal(await own.end(transaction, 'commit'), 'NONE')
    await own.decided('tx-commit')
    assert.equal(await own.end(transaction, 'commit'), 'NONE')
    assert.equal(await own.end(transaction, 'abort'), 'INVALID_TXN_STATE')
    assert.deepEqual(await own.log('tx-commit'), ['0 transactional epoch 0', '1 commit epoch 0'])
  },

  async 'while it is being ended it is so: asked for the other end refused, asked for the same end told to wait or done'(
    kafka: KafkaUnderContract,
  ) {
    const own = await opened(kafka, 'tx-ending')
    const transaction = await own.begin('ending', ['tx-ending'])
    await write(own, 'tx-ending', transaction)
    assert.equal(await own.endOnce(transaction, 'commit'), 'NONE')
    const [again, otherwise] = [await own.endOnce(transaction, 'commit'), await own.endOnce(transaction, 'abort')]
    assert.ok(['NONE', 'CONCURRENT_TRANSACTIONS'].includes(again), again)
    assert.ok(['INVALID_TXN_STATE', 'CONCURRENT_TRANSACTIONS'].includes(otherwise), otherwise)
  },

  async 'an aborted transaction cannot be committed, and readers of committed records are told of it'(
    kafka: KafkaUnderContract,
  ) {
    const own = await opened(kafka, 'tx-abort')
    const transaction = await own.begin('abort', ['tx-abort'])
    for (const sequence of [0, 1]) await write(own, 'tx-abort', transaction, sequence)
    assert.equal(await own.end(transaction, 'abort'), 'NONE')
    assert.equal(await own.end(transaction, 'commit'), 'INVALID_TXN_STATE')
    assert.equal(await own.end(transaction, 'abort'), 'NONE')
    await own.decided('tx-abort')
    const { producerId } = transaction
    for (const offset of [0, 1, 2]) {
      const { abortedTransactions } = await own.fetch('tx-abort', offset, { readCommitted: true })
      assert.deepEqual(abortedTransactions, [{ producerId, firstOffset: 0 }])
    }
    assert.deepEqual((await own.fetch('tx-abort', 3, { readCommitted: true })).abortedTransactions, [])
    assert.deepEqual((await own.fetch('tx-abort', 0)).abortedTransactions, [])
    assert.deepEqual(await own.log('tx-abort'), ['0 transactional epoch 0', '1 transactional epoch 0', '2 abort epoch 0'])
  },

  async 'only who names the current identity ends a transaction'(kafka: KafkaUnderContract) {
    const own = await opened(kafka, 'tx-identity')
    const transaction = await own.begin('identity', ['tx-identity'])
    const { producerId, producerEpoch } = transaction
    assert.equal(await own.end({ ...transaction, producerEpoch: producerEpoch + 1 }, 'commit'), 'PRODUCER_FENCED')
    assert.equal(await own.end({ ...transaction, producerId: producerId + 999 }, 'commit'), 'INVALID_PRODUCER_ID_MAPPING')
    assert.equal(await own.end({ ...transaction, transactionalId: 'nobody' }, 'commit'), 'INVALID_PRODUCER_ID_MAPPING')
    assert.equal(await own.add({ ...transaction, producerEpoch: producerEpoch + 1 }, ['tx-identity']), 'PRODUCER_FENCED')
    assert.equal(await own.add({ ...transaction, transactionalId: 'nobody' }, ['tx-identity']), 'INVALID_PRODUCER_ID_MAPPING')
    assert.equal(await own.end(transaction, 'commit'), 'NONE')
  },

  async 'a transaction of no partition is none'(kafka: KafkaUnderContract) {
    const own = await opened(kafka, 'tx-empty')
    const { producerId, producerEpoch } = await own.init('empty')
    const transaction = { transactionalId: 'empty', producerId, producerEpoch }
    assert.equal(await own.end(transaction, 'commit'), 'INVALID_TXN_STATE')
    assert.equal(await own.end(transaction, 'abort'), 'INVALID_TXN_STATE')
    assert.equal(await own.add(transaction, ['tx-empty']), 'NONE')
    assert.equal(await own.add(transaction, ['tx-empty']), 'NONE')
    assert.equal(await own.end(transaction, 'commit'), 'NONE')
    // Nothing was written, but the partition was named: it gets its marker.
    while ((await own.log('tx-empty')).length === 0) await own.client.clock.sleep(20)
    assert.deepEqual(await own.log('tx-empty'), ['0 commit epoch 0'])
  },

  async 'partitions that are not there are refused, the others then not tried'(kafka: KafkaUnderContract) {
    const own = await opened(kafka, 'tx-there')
    const { producerId, producerEpoch } = await own.init('missing')
    const transaction = { transactionalId: 'missing', producerId, producerEpoch }
    const codes = (await own.add(transaction, ['tx-there', 'tx-not-there'])).split(' ').sort()
    assert.deepEqual(codes, ['OPERATION_NOT_ATTEMPTED', 'UNKNOWN_TOPIC_OR_PARTITION'])
  },

  async 'leaders take only what belongs to an open transaction (KIP-890)'(kafka: KafkaUnderContract) {
    const own = await opened(kafka, 'tx-verified')
    const { producerId, producerEpoch } = await own.init('verified')
    const transaction = { transactionalId: 'verified', producerId, producerEpoch }
    assert.equal(await write(own, 'tx-verified', transaction), 'INVALID_TXN_STATE')
    await own.add(transaction, ['tx-verified'])
    assert.equal(await write(own, 'tx-verified', { ...transaction, producerEpoch: 1 }), 'INVALID_PRODUCER_EPOCH')
    assert.equal(await write(own, 'tx-verified', { ...transaction, transactionalId: 'nobody' }), 'INVALID_PRODUCER_ID_MAPPING')
    assert.equal(await write(own, 'tx-verified', transaction), 'ok 0')
    assert.equal(await own.write('tx-verified', { producerId, producerEpoch, sequence: 1 }), 'INVALID_TXN_STATE')
    await own.end(transaction, 'commit')
    await own.decided('tx-verified')
    assert.equal(await own.end(transaction, 'commit'), 'NONE')
    assert.equal(await write(own, 'tx-verified', transaction, 1), 'INVALID_TXN_STATE')
  },

  async 'committed readers see nothing behind the first open transaction'(kafka: KafkaUnderContract) {
    const own = await opened(kafka, 'tx-stable')
    await own.write('tx-stable')
    const first = await own.begin('stable-1', ['tx-stable'])
    const second = await own.begin('stable-2', ['tx-stable'])
    assert.equal(await write(own, 'tx-stable', first), 'ok 1')
    assert.equal(await write(own, 'tx-stable', second), 'ok 2')
    assert.equal(await own.write('tx-stable'), 'ok 3')
    assert.deepEqual(await own.offsets('tx-stable'), [0, 4, 1])
    const before = await own.fetch('tx-stable', 0, { readCommitted: true })
    assert.deepEqual([before.highWatermark, before.lastStableOffset], [4, 1])
    assert.equal((await own.fetch('tx-stable', 2, { readCommitted: true })).records.length, 0)
    await own.end(second, 'abort')
    await own.end(second, 'abort')
    while ((await own.log('tx-stable')).length < 5) await own.client.clock.sleep(20)
    assert.deepEqual(await own.offsets('tx-stable'), [0, 5, 1])
    await own.end(first, 'commit')
    await own.decided('tx-stable')
    const { abortedTransactions } = await own.fetch('tx-stable', 0, { readCommitted: true })
    assert.deepEqual(abortedTransactions, [{ producerId: second.producerId, firstOffset: 2 }])
  },

  async 'InitProducerId raises the epoch; with a known identity only for who has the current one, or repeats itself'(
    kafka: KafkaUnderContract,
  ) {
    const own = await opened(kafka)
    const first = await own.init('raised')
    assert.equal(first.producerEpoch, 0)
    const second = await own.init('raised', first)
    assert.deepEqual(second, { code: 'NONE', producerId: first.producerId, producerEpoch: 1 })
    assert.deepEqual(await own.init('raised', first), second)
    assert.equal((await own.init('raised')).producerEpoch, 2)
    assert.equal((await own.init('raised', first)).code, 'PRODUCER_FENCED')
    assert.equal((await own.init('raised', second)).code, 'PRODUCER_FENCED')
    const other = { producerId: first.producerId + 999, producerEpoch: 2 }
    assert.equal((await own.init('raised', other)).code, 'PRODUCER_FENCED')
  },

  async 'a coordinator that restarted does not know a repeat from a stale caller'(kafka: KafkaUnderContract) {
    const own = await opened(kafka)
    const first = await own.init('forgetful')
    assert.equal((await own.init('forgetful', first)).producerEpoch, 1)
    await kafka.restart('crash')
    const again = await opened(kafka)
    assert.equal((await again.init('forgetful', first)).code, 'PRODUCER_FENCED')
    assert.equal((await again.init('forgetful', { ...first, producerEpoch: 1 })).producerEpoch, 2)
  },

  async 'InitProducerId aborts an open transaction before it looks at the epoch it was given (R28)'(kafka: KafkaUnderContract) {
    const own = await opened(kafka, 'tx-stale')
    const stale = await own.init('stale')
    const transaction = await own.begin('stale', ['tx-stale'])
    await write(own, 'tx-stale', transaction)
    assert.equal((await own.init('stale', stale)).code, 'PRODUCER_FENCED')
    await own.decided('tx-stale')
    assert.equal(await own.end(transaction, 'commit'), 'PRODUCER_FENCED')
    assert.deepEqual(await own.log('tx-stale'), ['0 transactional epoch 1', '1 abort epoch 2'])
    assert.equal((await own.init('stale')).producerEpoch, 3)
  },

  async 'who has the current epoch may abort by InitProducerId, and go on'(kafka: KafkaUnderContract) {
    const own = await opened(kafka, 'tx-own')
    const transaction = await own.begin('own', ['tx-own'])
    await write(own, 'tx-own', transaction)
    const next = await own.init('own', transaction)
    assert.deepEqual([next.code, next.producerEpoch], ['NONE', 1])
    await own.decided('tx-own')
    assert.deepEqual(await own.log('tx-own'), ['0 transactional epoch 0', '1 abort epoch 1'])
    const repeated = await own.init('own', transaction)
    assert.deepEqual([repeated.code, repeated.producerEpoch], ['NONE', 1])
  },

  async 'who is fenced writes nothing more, neither before nor behind the marker'(kafka: KafkaUnderContract) {
    const own = await opened(kafka, 'tx-fenced')
    const stale = await own.begin('fenced', ['tx-fenced'])
    await write(own, 'tx-fenced', stale)
    const current = await own.begin('fenced', ['tx-fenced'])
    assert.equal(current.producerEpoch, 2)
    assert.equal(await write(own, 'tx-fenced', stale, 1), 'INVALID_PRODUCER_EPOCH')
    assert.equal(await own.add(stale, ['tx-fenced']), 'PRODUCER_FENCED')
    assert.equal(await write(own, 'tx-fenced', current), 'ok 2')
    await own.end(current, 'commit')
    await own.decided('tx-fenced')
    assert.equal(await write(own, 'tx-fenced', stale, 1), 'INVALID_PRODUCER_EPOCH')
  },

  async 'a transaction that takes too long is aborted, with a raised epoch on the marker'(kafka: KafkaUnderContract) {
    const own = await opened(kafka, 'tx-expired')
    const transaction = await own.begin('expired', ['tx-expired'], 500)
    await write(own, 'tx-expired', transaction)
    await own.decided('tx-expired')
    assert.deepEqual(await own.log('tx-expired'), ['0 transactional epoch 0', '1 abort epoch 1'])
    assert.equal(await own.end(transaction, 'commit'), 'PRODUCER_FENCED')
    assert.equal(await own.add(transaction, ['tx-expired']), 'PRODUCER_FENCED')
    assert.equal(await write(own, 'tx-expired', transaction, 1), 'INVALID_PRODUCER_EPOCH')
    // Who had the epoch before may go on (KIP-588), as long as nobody else has asked.
    const next = await own.init('expired', transaction)
    assert.deepEqual([next.code, next.producerEpoch], ['NONE', 1])
    assert.equal((await own.init('expired')).producerEpoch, 2)
    assert.equal((await own.init('expired', transaction)).code, 'PRODUCER_FENCED')
  },

  async 'a transaction timeout above the limit of the brokers is refused'(kafka: KafkaUnderContract) {
    const own = await opened(kafka)
    assert.equal((await own.init('long', undefined, 900_001)).code, 'INVALID_TRANSACTION_TIMEOUT')
    assert.equal((await own.init('long', undefined, 900_000)).code, 'NONE')
  },

  async 'an open transaction survives the broker, stopped or killed'(kafka: KafkaUnderContract) {
    for (const [index, how] of (['clean', 'crash'] as const).entries()) {
      const topic = `tx-${how}`
      const own = await opened(kafka, topic)
      const transaction = await own.begin(`survives-${how}`, [topic])
      await write(own, topic, transaction)
      await kafka.restart(how)
      const again = await opened(kafka)
      assert.deepEqual(await again.offsets(topic), [0, 1, 0], `${index}`)
      assert.equal(await write(again, topic, transaction, 1), 'ok 1')
      assert.equal(await again.end(transaction, 'commit'), 'NONE')
      await again.decided(topic)
      assert.deepEqual(await again.offsets(topic), [0, 3, 3])
    }
  },
}

function write(own: ContractClient, topic: string, transaction: TransactionRef, sequence = 0): Promise<string> {
  return own.write(topic, { ...transaction, sequence })
}

async function opened(kafka: KafkaUnderContract, topic?: string): Promise<ContractClient> {
  const own = new ContractClient(await kafka.connect('contract'))
  if (topic !== undefined) await own.createTopic(topic)
  return own
}
