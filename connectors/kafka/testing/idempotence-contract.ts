/** What a partition's leader answers to idempotent producers. */
import assert from 'node:assert/strict'
import { ContractClient, type KafkaUnderContract } from './contract-kit.ts'

export const idempotenceScripts = {
  async 'a producer that a partition does not know may begin with any sequence (KAFKA-14359)'(kafka: KafkaUnderContract) {
    const own = await opened(kafka, 'unknown')
    const { producerId } = await own.init(null)
    assert.equal(await own.write('unknown', { producerId, sequence: 7, records: 3 }), 'ok 0')
    assert.equal(await own.write('unknown', { producerId, sequence: 10 }), 'ok 3')
    assert.equal(await own.write('unknown', { producerId, sequence: 12 }), 'OUT_OF_ORDER_SEQUENCE_NUMBER')
    assert.equal(await own.write('unknown', { producerId, sequence: 0 }), 'OUT_OF_ORDER_SEQUENCE_NUMBER')
  },

  async 'each of the last five batches may be repeated and is found where it was; one before them is out of order'(
    kafka: KafkaUnderContract,
  ) {
    const own = await opened(kafka, 'repeats')
    const { producerId } = await own.init(null)
    for (let n = 0; n < 6; n++) {
      assert.equal(await own.write('repeats', { producerId, sequence: 2 * n, records: 2 }), `ok ${2 * n}`)
    }
    for (let n = 1; n < 6; n++) {
      assert.equal(await own.write('repeats', { producerId, sequence: 2 * n, records: 2 }), `ok ${2 * n}`)
    }
    assert.equal(await own.write('repeats', { producerId, sequence: 0, records: 2 }), 'OUT_OF_ORDER_SEQUENCE_NUMBER')
    assert.equal(await own.write('repeats', { producerId, sequence: 10, records: 1 }), 'OUT_OF_ORDER_SEQUENCE_NUMBER')
    assert.deepEqual(await own.offsets('repeats'), [0, 12, 12])
  },

  async 'a raised epoch begins at sequence 0, an older one is refused'(kafka: KafkaUnderContract) {
    const own = await opened(kafka, 'epochs')
    const { producerId } = await own.init(null)
    await own.write('epochs', { producerId, producerEpoch: 1, sequence: 0 })
    assert.equal(await own.write('epochs', { producerId, producerEpoch: 2, sequence: 1 }), 'OUT_OF_ORDER_SEQUENCE_NUMBER')
    assert.equal(await own.write('epochs', { producerId, producerEpoch: 2, sequence: 0 }), 'ok 1')
    assert.equal(await own.write('epochs', { producerId, producerEpoch: 1, sequence: 1 }), 'INVALID_PRODUCER_EPOCH')
    // A repeat of what the epoch before wrote is no repeat any more.
    assert.equal(await own.write('epochs', { producerId, producerEpoch: 1, sequence: 0 }), 'INVALID_PRODUCER_EPOCH')
  },

  async 'the first sequence of a batch follows the last one of the batch before it, round the end of 31 bits'(
    kafka: KafkaUnderContract,
  ) {
    const own = await opened(kafka, 'wrapped')
    const { producerId } = await own.init(null)
    assert.equal(await own.write('wrapped', { producerId, sequence: 2 ** 31 - 2, records: 3 }), 'ok 0')
    assert.equal(await own.write('wrapped', { producerId, sequence: 0 }), 'OUT_OF_ORDER_SEQUENCE_NUMBER')
    assert.equal(await own.write('wrapped', { producerId, sequence: 1 }), 'ok 3')
    assert.equal(await own.write('wrapped', { producerId, sequence: 2 ** 31 - 2, records: 3 }), 'ok 0')
  },

  async 'a leader that starts again, stopped or killed, knows only the last batch of each producer'(kafka: KafkaUnderContract) {
    for (const how of ['clean', 'crash'] as const) {
      const topic = `restarted-${how}`
      const own = await opened(kafka, topic)
      const { producerId } = await own.init(null)
      for (let sequence = 0; sequence < 3; sequence++) await own.write(topic, { producerId, sequence })
      await kafka.restart(how)
      const again = await opened(kafka)
      assert.equal(await again.write(topic, { producerId, sequence: 2 }), 'ok 2')
      assert.equal(await again.write(topic, { producerId, sequence: 1 }), 'OUT_OF_ORDER_SEQUENCE_NUMBER')
      assert.equal(await again.write(topic, { producerId, sequence: 3 }), 'ok 3')
    }
  },

  async 'a broker that starts forgets producers whose records are older than a day, by the records own time'(
    kafka: KafkaUnderContract,
  ) {
    const own = await opened(kafka, 'old')
    const { producerId } = await own.init(null)
    const timestampMs = own.client.clock.nowMs() - 25 * 3_600_000
    await own.write('old', { producerId, sequence: 0, timestampMs })
    assert.equal(await own.write('old', { producerId, sequence: 0, timestampMs }), 'ok 0')
    await kafka.restart('crash')
    const again = await opened(kafka)
    assert.equal(await again.write('old', { producerId, sequence: 0, timestampMs }), 'ok 1')
  },
}

async function opened(kafka: KafkaUnderContract, topic?: string): Promise<ContractClient> {
  const own = new ContractClient(await kafka.connect('contract'))
  if (topic !== undefined) await own.createTopic(topic)
  return own
}
