/** Reading, trimming and searching logs. */
import assert from 'node:assert/strict'
import { Fetch } from '../client/requests/fetch-request.ts'
import { ListOffsets } from '../client/requests/offset-requests.ts'
import { DeleteRecords } from '../client/requests/topic-requests.ts'
import { ContractClient, headersIn, type KafkaUnderContract } from './contract-kit.ts'

export const logScripts = {
  async 'a fetch answers with whole batches, from the one that holds the offset on'(kafka: KafkaUnderContract) {
    const own = await opened(kafka, 'whole')
    for (let n = 0; n < 3; n++) await own.write('whole', { records: 3 })
    const { records, highWatermark, lastStableOffset, logStartOffset, errorCode } = await own.fetch('whole', 4)
    assert.deepEqual([errorCode, logStartOffset, highWatermark, lastStableOffset], [0, 0, 9, 9])
    assert.deepEqual(
      headersIn(records).map(({ baseOffset, lastOffset }) => [baseOffset, lastOffset]),
      [
        [3, 5],
        [6, 8],
      ],
    )
    assert.equal((await own.fetch('whole', 9)).records.length, 0)
  },

  async 'the first batch of an answer comes whole however large it is, later ones are cut off'(kafka: KafkaUnderContract) {
    const own = await opened(kafka, 'cut')
    for (let n = 0; n < 3; n++) await own.write('cut', { bytes: 500 })
    const [first] = headersIn((await own.fetch('cut', 0)).records)
    const bytes = first!.byteLength
    assert.equal((await own.fetch('cut', 0, { maxBytes: 10 })).records.length, bytes)
    assert.equal((await own.fetch('cut', 0, { maxBytes: bytes + 100 })).records.length, bytes + 100)
  },

  async 'an offset out of range is refused, with no word about the range'(kafka: KafkaUnderContract) {
    const own = await opened(kafka, 'range')
    for (let n = 0; n < 4; n++) await own.write('range')
    await trim(own, 'range', 2)
    for (const offset of [1, 5]) {
      const { errorCode, highWatermark, lastStableOffset, logStartOffset } = await own.fetch('range', offset)
      assert.deepEqual([errorCode, highWatermark, lastStableOffset, logStartOffset], [1, -1, -1, -1])
    }
  },

  async 'a log is trimmed up to an offset, never beyond its end'(kafka: KafkaUnderContract) {
    const own = await opened(kafka, 'trimmed')
    for (let n = 0; n < 4; n++) await own.write('trimmed', { records: 2 })
    assert.deepEqual(await trim(own, 'trimmed', 3), { errorCode: 0, lowWatermark: 3 })
    assert.deepEqual(await own.offsets('trimmed'), [3, 8, 8])
    assert.equal(headersIn((await own.fetch('trimmed', 3)).records)[0]?.baseOffset, 2)
    assert.deepEqual(await trim(own, 'trimmed', 1), { errorCode: 0, lowWatermark: 3 })
    assert.deepEqual(await trim(own, 'trimmed', 9), { errorCode: 1, lowWatermark: -1 })
    assert.deepEqual(await trim(own, 'trimmed', -1), { errorCode: 0, lowWatermark: 8 })
    assert.equal(await own.write('trimmed'), 'ok 8')
  },

  async 'an offset is found by time: of the first record at or behind it'(kafka: KafkaUnderContract) {
    const own = await opened(kafka, 'times')
    const find = async (timestamp: number) => {
      const targets = [{ topic: 'times', partition: 0, timestamp }]
      const [found] = await own.request(1, ListOffsets, { readCommitted: false, targets })
      return [found!.errorCode, found!.offset, found!.timestamp]
    }
    const at = own.client.clock.nowMs() - 10_000
    for (const delta of [0, 500, 1_000]) await own.write('times', { timestampMs: at + delta })
    assert.deepEqual(await find(at - 1), [0, 0, at])
    assert.deepEqual(await find(at + 500), [0, 1, at + 500])
    assert.deepEqual(await find(at + 501), [0, 2, at + 1_000])
    assert.deepEqual(await find(at + 1_001), [0, -1, -1])
  },

  async 'a fetch waits for what it asks for, not longer than it says'(kafka: KafkaUnderContract) {
    const own = await opened(kafka, 'waiting')
    const { clock } = own.client
    const startMs = clock.monotonicMs()
    const nothing = await own.fetch('waiting', 0, { maxWaitMs: 300, minBytes: 1 })
    assert.deepEqual([nothing.errorCode, nothing.records.length], [0, 0])
    assert.ok(clock.monotonicMs() - startMs >= 290)
    const lane = own.client.openLane('waiting')
    const targets = [{ topic: 'waiting', partition: 0, offset: 0, maxBytes: 1_000 }]
    const input = { readCommitted: false, maxWaitMs: 20_000, minBytes: 1, maxBytes: 1_000, targets }
    const waiting = own.client.request(1, Fetch, input, { lane })
    await clock.sleep(50)
    const writtenMs = clock.monotonicMs()
    await own.write('waiting')
    assert.equal(headersIn((await waiting).partitions[0]!.records).length, 1)
    assert.ok(clock.monotonicMs() - writtenMs < 5_000)
  },

  async 'what is larger than the topic allows is refused'(kafka: KafkaUnderContract) {
    const own = new ContractClient(await kafka.connect('contract'))
    await own.createTopic('small', 1, { 'max.message.bytes': '300' })
    assert.equal(await own.write('small', { bytes: 100 }), 'ok 0')
    assert.equal(await own.write('small', { bytes: 400 }), 'MESSAGE_TOO_LARGE')
  },
}

async function trim(own: ContractClient, topic: string, beforeOffset: number) {
  const targets = [{ topic, partition: 0, beforeOffset }]
  const [result] = await own.request(1, DeleteRecords, { targets, timeoutMs: 10_000 })
  return { errorCode: result!.errorCode, lowWatermark: result!.lowWatermark }
}

async function opened(kafka: KafkaUnderContract, topic: string): Promise<ContractClient> {
  const own = new ContractClient(await kafka.connect('contract'))
  await own.createTopic(topic)
  return own
}
