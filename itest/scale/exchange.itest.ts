/** Exchanges between workers through a real broker: channels, barriers, restored positions, faults. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
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

  test('topics are made for frames to stay, whatever the time on them', async () => {
    const [topic] = await worker('made').exchange.prepare([{ exchange: 'by customer/1', partitions: 3 }])
    assert.match(topic?.topic ?? '', /^made\.exchange\.by_customer_1-[0-9a-f]{12}$/)
    assert.equal(topic?.partitions, 3)
    assert.match(topic?.identity ?? '', /^[0-9a-f]{32}$/)
    const settings = await describeConfigs(client, { topic: topic?.topic as string }, null)
    const bound = '9223372036854775807'
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
    await writer.close()
    await reader.close()
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
