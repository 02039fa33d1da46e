import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { isMillraceError } from '../../../src/common/errors.ts'
import type { ExchangeInput, ExchangeReader } from '../../../src/ports/exchange.ts'
import { KafkaCode } from '../client/kafka-errors.ts'
import { Fetch } from '../client/requests/fetch-request.ts'
import { ListOffsets } from '../client/requests/offset-requests.ts'
import { buildTestBatch, fetchedPartition, ScriptedCluster, type TestBatch } from '../client/testing.ts'
import { nextFrame, openTestExchange, textOf } from './testing.ts'

const TOPIC = 'app.exchange.x'
const closers: Array<() => unknown> = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

interface Scene extends Partial<ExchangeInput> {
  readonly producers?: readonly number[]
  readonly highWatermark?: number
  /** Of the partition: what is below has been trimmed. */
  readonly first?: number
}

/** A reader of partition 0, to whose first fetch the broker answers with these batches. */
async function reading(batches: readonly TestBatch[], scene: Scene = {}) {
  const { position = 0, ended = [], producers = [7], highWatermark, first = 0 } = scene
  const cluster = new ScriptedCluster().lead(TOPIC, 0, 1)
  const worker = openTestExchange({ cluster })
  const opening = worker.exchange.openReader([{ exchange: 'x', partition: 0, position, ended }], new Set(producers))
  const isNew = position === 0 && ended.length === 0
  if (isNew) {
    const { answer } = await cluster.next(ListOffsets)
    answer([{ topic: TOPIC, partition: 0, errorCode: 0, offset: first, timestamp: -1 }])
  }
  const reader = await opening
  closers.push(() => reader.close())
  const fetch = await cluster.next(Fetch)
  assert.equal(fetch.input.readCommitted, false)
  assert.equal(fetch.input.targets[0]?.offset, isNew ? first : position)
  const more = highWatermark === undefined ? {} : { highWatermark }
  fetch.answer({ errorCode: 0, partitions: [fetchedPartition(TOPIC, 0, batches.map(buildTestBatch), more)] })
  await new Promise((resolve) => setImmediate(resolve))
  return { cluster, reader, counted: worker.counted }
}

const batch = (baseOffset: number, producerId: number, baseSequence: number, ...values: string[]): TestBatch => ({
  baseOffset,
  producerId,
  baseSequence,
  values,
})

function all(reader: ExchangeReader): string[] {
  const texts: string[] = []
  for (let frame = reader.poll(); frame !== undefined; frame = reader.poll()) texts.push(`${frame.offset} ${textOf(frame)}`)
  return texts
}

test('frames come one by one, and the position is behind each', async () => {
  const { reader } = await reading([batch(0, 7, 0, 'a', 'b'), batch(2, 7, 2, 'c')], { highWatermark: 9 })
  assert.deepEqual(reader.position('x', 0), { position: 0, channels: [{ producerId: 7, nextSequence: 0 }] })
  const frame = reader.poll()
  assert.ok(frame !== undefined)
  assert.deepEqual([frame.exchange, frame.partition, frame.producerId, frame.offset, textOf(frame)], ['x', 0, 7, 0, 'a'])
  assert.deepEqual(reader.position('x', 0), { position: 1, channels: [{ producerId: 7, nextSequence: 1 }] })
  assert.deepEqual(reader.lag().get('x')?.get(0), 8)
  await reader.whenAvailable()
  assert.deepEqual(all(reader), ['1 b', '2 c'])
  assert.deepEqual(reader.position('x', 0), { position: 3, channels: [{ producerId: 7, nextSequence: 3 }] })
  assert.deepEqual(reader.lag().get('x')?.get(0), 6)
})

test('what is not part of the job is passed over, the position with it', async () => {
  const { reader, counted } = await reading(
    [
      batch(0, 99, 0, 'zombie', 'zombie'),
      batch(2, 7, 0, 'a'),
      batch(3, 3, 8, 'old', 'its barrier', 'behind it', 'behind it'),
      batch(7, -1, -1, 'foreign'),
      batch(8, 7, 0, 'a again'),
      { baseOffset: 9, values: [], producerId: 5, baseSequence: -1, marker: 'abort' },
      batch(10, 98, 5, 'zombie'),
    ],
    { ended: [{ producerId: 3, nextSequence: 8, endOffset: 5 }] },
  )
  assert.deepEqual(all(reader), ['2 a', '3 old', '4 its barrier'])
  assert.deepEqual(reader.position('x', 0), { position: 11, channels: [{ producerId: 7, nextSequence: 1 }] })
  assert.equal(counted.get('millrace_exchange_frames_passed_over_total'), 2 + 2 + 1 + 1 + 1)
})

test('a position in the middle of a batch: sequences count from the beginning of the batch', async () => {
  const ended = [{ producerId: 3, nextSequence: 1, endOffset: 104 }]
  // The batch begins at sequence 2^31 - 2, so its fourth record has sequence 1.
  const { reader } = await reading([batch(100, 3, 2 ** 31 - 2, 'p', 'q', 'r', 's')], { position: 103, ended })
  assert.deepEqual(all(reader), ['103 s'])
  assert.deepEqual(reader.position('x', 0), { position: 104, channels: [{ producerId: 7, nextSequence: 0 }] })
})

test('a task that is new begins at the first frame there is', async () => {
  const { reader } = await reading([batch(40, 99, 10, 'of a job before'), batch(41, 7, 0, 'a')], { first: 40 })
  assert.equal(reader.position('x', 0).position, 40)
  assert.deepEqual(all(reader), ['41 a'])
})

test('a gap is an error, again and again', async () => {
  const { reader } = await reading([batch(0, 7, 0, 'a'), batch(1, 7, 2, 'c'), batch(2, 7, 3, 'd')])
  assert.equal(reader.poll()?.offset, 0)
  for (let tries = 0; tries < 3; tries++) assert.throws(() => reader.poll(), gap)
  assert.equal(reader.position('x', 0).position, 1)
})

test('a channel whose last frame is not there is a gap, also where only others wrote since', async () => {
  const ended = [{ producerId: 3, nextSequence: 8, endOffset: 3 }]
  const { reader } = await reading([batch(0, 3, 8, 'a'), batch(1, 99, 0, 'z', 'z', 'z')], { ended })
  assert.equal(reader.poll()?.offset, 0)
  assert.throws(() => reader.poll(), gap)
})

test('a position out of range is lost, for poll and for whoever waits', async () => {
  const cluster = new ScriptedCluster().lead(TOPIC, 0, 1)
  const { exchange } = openTestExchange({ cluster })
  const reader = await exchange.openReader([{ exchange: 'x', partition: 0, position: 5, ended: [] }], new Set([7]))
  closers.push(() => reader.close())
  const waiting = assert.rejects(nextFrame(reader), positionLost)
  const fetch = await cluster.next(Fetch)
  fetch.answer({ errorCode: 0, partitions: [fetchedPartition(TOPIC, 0, [], { errorCode: KafkaCode.offsetOutOfRange })] })
  for (const offset of [9, 20]) {
    const { answer } = await cluster.next(ListOffsets)
    answer([{ topic: TOPIC, partition: 0, errorCode: 0, offset, timestamp: -1 }])
  }
  await cluster.none(Fetch)
  await waiting
  assert.throws(() => reader.poll(), positionLost)
  await assert.rejects(reader.whenAvailable(), positionLost)
})

function gap(error: unknown): boolean {
  return isMillraceError(error, 'MR_EXCHANGE_GAP')
}

function positionLost(error: unknown): boolean {
  return isMillraceError(error, 'MR_EXCHANGE_POSITION_LOST') && error.details.earliestOffset === 9
}
