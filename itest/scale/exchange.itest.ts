/** Exchanges between workers through a real broker: channels, barriers, restored positions, faults. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { alterConfigs, createTopics, deleteTopics, describeConfigs, listOffsets } from '../../connectors/kafka/client/admin.ts'
import type { KafkaClient } from '../../connectors/kafka/client/client.ts'
import { nextFrame, openTestExchange, type TestExchange, textOf } from '../../connectors/kafka/exchange/testing.ts'
import { isMillraceError, toError } from '../../src/common/errors.ts'
import { type Logger, silentLogger } from '../../src/common/logger.ts'
import type { EndedChannel, ExchangeReader, ExchangeTopic, ExchangeWriter } from '../../src/ports/exchange.ts'
import { connect } from '../kafka-client/support.ts'
import { type KafkaServer, startKafka } from '../support/servers.ts'

type Fields = Readonly<Record<string, unknown>>
type EndOffsets = Awaited<ReturnType<ExchangeWriter['appendToAll']>>

const BARRIERS = ['barrier 1', 'barrier 2', 'barrier 2', 'barrier 3']

describe('exchanges through a broker', { concurrency: false }, () => {
  let kafka: KafkaServer
  let client: KafkaClient
  const opened: TestExchange[] = []
  before(async () => {
    kafka = await startKafka()
    client = await connect(kafka.bootstrap)
  })
  after(async () => {
    for (const one of opened) await one.close()
    client?.close()
    await kafka?.close()
  })

  /** A worker's view; each has a client of its own. */
  function worker(applicationId: string, logger: Logger = silentLogger): TestExchange {
    const one = openTestExchange({ applicationId, bootstrap: kafka.bootstrap, logger })
    opened.push(one)
    return one
  }

  /** All settings of a topic, as soon as one of them has this value; as they are after 10 s in any case. */
  async function settingsWith(name: string, value: string, topic: string): Promise<ReadonlyMap<string, string | null>> {
    const deadlineMs = performance.now() + 10_000
    for (;;) {
      const settings = await describeConfigs(client, { topic }, null)
      if (settings.get(name) === value || performance.now() > deadlineMs) return settings
      await sleep(50)
    }
  }

  test('topics are made for frames to stay, whatever the time on them', async () => {
    const [topic] = await worker('made').exchange.prepare([{ exchange: 'by customer/1', partitions: 3 }])
    assert.match(topic?.topic ?? '', /^made\.exchange\.by_customer_1-[0-9a-f]{12}$/)
    assert.equal(topic?.partitions, 3)
    assert.match(topic?.identity ?? '', /^[0-9a-f]{32}$/)
    const bound = '9223372036854775807'
    // Set behind the creation, where the broker knows it; brokers tell a moment later.
    const settings = await settingsWith('message.timestamp.after.max.ms', bound, topic?.topic as string)
    for (const [name, value] of [
      ['cleanup.policy', 'delete'],
      ['retention.ms', '-1'],
      ['retention.bytes', '-1'],
      ['message.timestamp.type', 'CreateTime'],
      ['message.timestamp.before.max.ms', bound],
      ['message.timestamp.after.max.ms', bound],
      ['segment.bytes', '67108864'],
      ['max.message.bytes', '16777216'],
    ] as const) {
      assert.equal(settings.get(name), value, name)
    }
  })

  test('topics that are there are mended with a warning, and refused with another number of partitions', async () => {
    const warnings: Fields[] = []
    const logger: Logger = { ...silentLogger, warn: (_event, fields: Fields = {}) => warnings.push(fields) }
    const { exchange } = worker('mended', logger)
    const topic = 'mended.exchange.x'
    await createTopics(client, [{ name: topic, partitions: 2, replicationFactor: 1 }])
    await assert.rejects(exchange.prepare([{ exchange: 'x', partitions: 4 }]), (error) => {
      assert.ok(isMillraceError(error, 'MR_EXCHANGE_PARTITIONS'))
      assert.match(error.message, /mended\.exchange\.x has 2 partitions, the job asks for 4/)
      return true
    })
    assert.equal(warnings.length, 0)
    assert.equal(await exchange.partitionsOf('x'), 2)
    assert.equal(await exchange.partitionsOf('y'), undefined)
    const [kept] = await exchange.prepare([{ exchange: 'x', partitions: 2 }])
    assert.equal(kept?.partitions, 2)
    assert.equal(warnings.length, 1)
    assert.match(String(warnings[0]?.settings), /retention\.ms/)
    await alterConfigs(client, { topic }, { 'segment.bytes': '1048576', 'retention.bytes': '1000' })
    const [same] = await exchange.prepare([{ exchange: 'x', partitions: 2 }])
    assert.deepEqual(same, kept)
    assert.deepEqual(warnings[1], { topic, settings: 'retention.bytes' })
    const found = await describeConfigs(client, { topic }, ['segment.bytes', 'retention.bytes', 'retention.ms'])
    assert.deepEqual(Object.fromEntries(found), { 'segment.bytes': '1048576', 'retention.bytes': '-1', 'retention.ms': '-1' })
  })

  test('two writers and two readers: every channel in order, zombies passed over, barriers where the writers say', async () => {
    const [left, right, zombie] = [worker('both'), worker('both'), worker('both')]
    const topics = await left.exchange.prepare([
      { exchange: 'a', partitions: 2 },
      { exchange: 'b', partitions: 1 },
    ])
    const writers = await Promise.all([left, right, zombie].map((one) => one.exchange.openWriter(topics)))
    assert.equal(new Set(writers.map(({ producerId }) => producerId)).size, 3)
    const running = new Set(writers.slice(0, 2).map(({ producerId }) => producerId))
    const barriers: Array<Array<Promise<EndOffsets>>> = [[], [], []]
    for (let round = 0; round < 3; round++) {
      // Several barriers are on their way at once.
      for (const [index, writer] of writers.entries()) {
        appendNumbered(writer, topics, round, 200)
        barriers[index]?.push(writer.appendToAll(Buffer.from(`barrier ${round}`)))
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
    const told = await Promise.all(barriers.map((of) => Promise.all(of)))

    const readers = await Promise.all([
      left.exchange.openReader([fromStart('a', 0), fromStart('b', 0)], running),
      right.exchange.openReader([fromStart('a', 1)], running),
    ])
    const seen = new Map<string, string[]>()
    const ends = new Map<string, number[]>()
    for (const [index, reader] of readers.entries()) {
      const partitions = index === 0 ? 2 : 1
      for (let count = 0; count < partitions * 2 * 603; count++) {
        const frame = await nextFrame(reader)
        const channel = `${frame.exchange}/${frame.partition}/${frame.producerId}`
        const text = textOf(frame)
        seen.set(channel, [...(seen.get(channel) ?? []), text])
        if (text.startsWith('barrier')) ends.set(channel, [...(ends.get(channel) ?? []), frame.offset + 1])
      }
      assert.equal(await within(reader, 300), undefined, 'nothing more is accepted')
    }
    const expected = [0, 1, 2].flatMap((round) => [...numbered(round, 200), `barrier ${round}`])
    assert.equal(seen.size, 6)
    for (const [channel, frames] of seen) assert.deepEqual(frames, expected, channel)
    for (const [index, writer] of writers.slice(0, 2).entries()) {
      for (const [exchange, partition] of [
        ['a', 0],
        ['a', 1],
        ['b', 0],
      ] as const) {
        const offsets = told[index]?.map((of) => of[exchange]?.[partition])
        assert.deepEqual(ends.get(`${exchange}/${partition}/${writer.producerId}`), offsets)
      }
    }
    assert.equal(left.counted.get('millrace_exchange_frames_passed_over_total'), 2 * 603)
    assert.deepEqual(
      [...(readers[1]?.lag() ?? [])].map(([exchange, of]) => [exchange, [...of]]),
      [['a', [[1, 0]]]],
    )
    assert.deepEqual(readers[1]?.position('a', 1), {
      position: 3 * 603,
      channels: [...running].map((producerId) => ({ producerId, nextSequence: 603 })),
    })
    for (const closable of [...writers, ...readers]) await closable.close()
  })

  test('a restored reader goes on in the middle of a batch, up to the end of each ended channel, then the new epoch', async () => {
    const { exchange } = worker('restored')
    const topics = await exchange.prepare([{ exchange: 'x', partitions: 1 }])
    const [first, second] = [await exchange.openWriter(topics), await exchange.openWriter(topics)]
    appendNumbered(first, topics, 0, 500)
    await first.appendToAll(Buffer.from('barrier 1'))
    appendNumbered(second, topics, 0, 500)
    const ends = [await first.appendToAll(Buffer.from('barrier 2')), await second.appendToAll(Buffer.from('barrier 2'))]
    // What lies behind the barrier was never part of the job.
    appendNumbered(first, topics, 9, 100)
    await first.appendToAll(Buffer.from('barrier of nothing'))

    const reader = await exchange.openReader([fromStart('x', 0)], new Set([first.producerId, second.producerId]))
    const read = await take(reader, 333)
    const { position, channels } = reader.position('x', 0)
    assert.equal(position, 333, 'within the first batch')
    assert.deepEqual(channels, [
      { producerId: first.producerId, nextSequence: 333 },
      { producerId: second.producerId, nextSequence: 0 },
    ])
    const next = await exchange.openWriter(topics)
    appendNumbered(next, topics, 1, 10)
    await next.appendToAll(Buffer.from('barrier 3'))
    const ended: EndedChannel[] = channels.map((channel, index) => ({ ...channel, endOffset: ends[index]?.x?.[0] as number }))
    const restored = await exchange.openReader([{ exchange: 'x', partition: 0, position, ended }], new Set([next.producerId]))
    read.push(...(await take(restored, 167 + 1 + 1 + 501 + 11)))
    // The second barrier of the first writer was acknowledged before the second writer began to send, or after.
    assert.deepEqual(read.toSorted(), [...numbered(0, 500), ...numbered(0, 500), ...numbered(1, 10), ...BARRIERS].toSorted())
    assert.deepEqual(read.slice(0, 501), [...numbered(0, 500), 'barrier 1'])
    assert.deepEqual(read.slice(-11), [...numbered(1, 10), 'barrier 3'])
    assert.equal(await within(restored, 300), undefined)
    assert.deepEqual(restored.position('x', 0).channels, [{ producerId: next.producerId, nextSequence: 11 }])
    for (const closable of [first, second, next, reader, restored]) await closable.close()
  })

  test('a broker that is killed, or stopped, in the middle of it: every frame once, in order, barriers where they are', async () => {
    const one = worker('through')
    const topics = await one.exchange.prepare([{ exchange: 'x', partitions: 3 }])
    const writer = await one.exchange.openWriter(topics)
    const reader = await one.exchange.openReader(
      [0, 1, 2].map((partition) => fromStart('x', partition)),
      new Set([writer.producerId]),
    )
    const seen: string[][] = [[], [], []]
    const ends: number[][] = [[], [], []]
    let rounds = 0
    let isWriting = true
    const barriers: Array<Promise<EndOffsets>> = []
    const writing = (async () => {
      while (isWriting) {
        appendNumbered(writer, topics, rounds, 50)
        barriers.push(writer.appendToAll(Buffer.from(`barrier ${rounds++}`)))
        await (writer.backPressure() ?? new Promise((resolve) => setTimeout(resolve, 5)))
      }
    })()
    const reading = (async () => {
      while (isWriting || seen.some((frames) => frames.length < rounds * 51)) {
        const frame = await nextFrame(reader)
        const text = textOf(frame)
        seen[frame.partition]?.push(text)
        if (text.startsWith('barrier')) ends[frame.partition]?.push(frame.offset + 1)
      }
    })()
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      const before = rounds
      while (rounds < before + 50) await new Promise((resolve) => setTimeout(resolve, 20))
      await kafka.restart(signal)
    }
    const before = rounds
    while (rounds < before + 50) await new Promise((resolve) => setTimeout(resolve, 20))
    isWriting = false
    await writing
    await reading
    const expected = Array.from({ length: rounds }, (_, round) => [...numbered(round, 50), `barrier ${round}`]).flat()
    const told = await Promise.all(barriers)
    for (const partition of [0, 1, 2]) {
      assert.deepEqual(seen[partition], expected, `partition ${partition}`)
      assert.deepEqual(
        ends[partition],
        told.map((of) => of.x?.[partition]),
      )
    }
    assert.deepEqual(one.failures, [])
    await reader.close()
    await writer.close()
  })

  test('what is trimmed is gone, twice is no error, and a position in it is lost', async () => {
    const { exchange } = worker('trimmed')
    const topics = await exchange.prepare([{ exchange: 'x', partitions: 2 }])
    const writer = await exchange.openWriter(topics)
    appendNumbered(writer, topics, 0, 100)
    await writer.appendToAll(Buffer.from('barrier'))
    await exchange.trim({ x: { 0: 40, 1: 0 } })
    await exchange.trim({ x: { 0: 40 } })
    await exchange.trim({ x: { 0: 10 } })
    await exchange.trim({})
    const places = [0, 1].map((partition) => ({ topic: 'trimmed.exchange.x', partition }))
    const offsets = (await listOffsets(client, places, 'earliest')).map(({ offset }) => offset)
    assert.deepEqual(offsets, [40, 0])
    const ended = [{ producerId: writer.producerId, nextSequence: 40, endOffset: 101 }]
    const reader = await exchange.openReader([{ exchange: 'x', partition: 0, position: 40, ended }], new Set())
    assert.deepEqual(await take(reader, 61), [...numbered(0, 100).slice(40), 'barrier'])
    for (const position of [39, 102]) {
      const lost = await exchange.openReader([{ exchange: 'x', partition: 0, position, ended: [] }], new Set())
      await assert.rejects(nextFrame(lost), (error) => {
        assert.ok(isMillraceError(error, 'MR_EXCHANGE_POSITION_LOST'), String(error))
        assert.equal(error.details.askedOffset, position)
        return true
      })
      assert.throws(
        () => lost.poll(),
        (error) => isMillraceError(error, 'MR_EXCHANGE_POSITION_LOST'),
      )
      await lost.close()
    }
    // A job of the same name that begins anew: nothing of what lies there is its own.
    const next = await exchange.openWriter(topics)
    const anew = await exchange.openReader([fromStart('x', 0)], new Set([next.producerId]))
    await next.appendToAll(Buffer.from('first barrier'))
    assert.deepEqual(await take(anew, 1), ['first barrier'])
    for (const closable of [writer, next, reader, anew]) await closable.close()
  })

  test('a topic that is deleted and made anew under the writers is noticed: frames are missing, or the position is lost', async () => {
    const one = worker('remade')
    const topics = await one.exchange.prepare([{ exchange: 'x', partitions: 1 }])
    const writer = await one.exchange.openWriter(topics)
    const reader = await one.exchange.openReader([fromStart('x', 0)], new Set([writer.producerId]))
    appendNumbered(writer, topics, 0, 10)
    await writer.appendToAll(Buffer.from('barrier 0'))
    await take(reader, 11)
    await deleteTopics(client, ['remade.exchange.x'])
    const [again] = await one.exchange.prepare([{ exchange: 'x', partitions: 1 }])
    assert.notEqual(again?.identity, topics[0]?.identity)
    const reading = nextFrame(reader).then(
      () => assert.fail('a frame was accepted'),
      (error) => toError(error),
    )
    appendNumbered(writer, topics, 1, 20)
    writer.appendToAll(Buffer.from('barrier 1')).catch(() => {})
    const error = await reading
    assert.ok(isMillraceError(error, 'MR_EXCHANGE_GAP') || isMillraceError(error, 'MR_EXCHANGE_POSITION_LOST'), String(error))
    await reader.close()
    await writer.close()
  })
})

function fromStart(exchange: string, partition: number) {
  return { exchange, partition, position: 0, ended: [] }
}

function numbered(round: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${round}.${index}`)
}

/** The same to every partition, out of a buffer that is used again at once. */
function appendNumbered(writer: ExchangeWriter, topics: readonly ExchangeTopic[], round: number, count: number): void {
  const buffer = Buffer.alloc(64)
  for (const text of numbered(round, count)) {
    for (const { exchange, partitions } of topics) {
      for (let partition = 0; partition < partitions; partition++) {
        const end = 3 + buffer.write(text, 3)
        writer.append(exchange, partition, buffer, 3, end)
        buffer.fill('?')
      }
    }
  }
}

async function take(reader: ExchangeReader, count: number): Promise<string[]> {
  const texts: string[] = []
  while (texts.length < count) texts.push(textOf(await nextFrame(reader)))
  return texts
}

/** A frame that comes within so many ms. */
async function within(reader: ExchangeReader, ms: number) {
  const deadline = performance.now() + ms
  while (performance.now() < deadline) {
    const frame = reader.poll()
    if (frame !== undefined) return frame
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return undefined
}
