/** A lost transaction that is written again in parts, against the model of Kafka. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMillraceError } from '../../../src/common/errors.ts'
import { SimulatedProcess } from '../../../src/testing/simulator/simulated-process.ts'
import { Simulation } from '../../../src/testing/simulator/simulation.ts'
import type { KafkaClient } from '../client/client.ts'
import { Fetcher } from '../client/fetcher.ts'
import { ProducerIdentity } from '../client/producer.ts'
import { Sender } from '../client/sender.ts'
import { endTxn, initProducerId } from '../client/transactions.ts'
import { KafkaModel } from '../testing/kafka-model.ts'
import { SimulatedNetwork } from '../testing/simulated-network.ts'
import type { KafkaCommittable } from './kafka-committable.ts'
import { committableOf, salvagePart } from './salvage.ts'

const TOPIC = 'out'
const PARTITIONS = 2
const RECORDS = 60
/** So that the transaction has many batches. */
const BATCH_BYTES = 150

class Scene {
  readonly simulation = new Simulation(1)
  readonly kafka = new KafkaModel(this.simulation)
  client!: KafkaClient
  sender!: Sender

  /** Runs `live` while simulated time passes. */
  static async of(live: (scene: Scene) => Promise<void>): Promise<void> {
    const scene = new Scene()
    const { simulation, kafka } = scene
    kafka.topics.create({ name: TOPIC, partitions: PARTITIONS, replicationFactor: 1 }, () => 0)
    const process = new SimulatedProcess(simulation, 'worker')
    let end: { readonly error?: unknown } | undefined
    const living = async () => {
      scene.client = await new SimulatedNetwork(simulation, kafka).client(process)
      scene.sender = new Sender(scene.client)
      scene.sender.limitBatchBytes(TOPIC, BATCH_BYTES)
      await live(scene)
    }
    living().then(
      () => (end = {}),
      (error: unknown) => (end = { error }),
    )
    assert.ok(await simulation.run(() => end !== undefined, { untilMs: 60_000 }), 'it comes to an end')
    if (end?.error !== undefined) throw end.error
  }

  async identity(transactionalId: string): Promise<ProducerIdentity> {
    return new ProducerIdentity(transactionalId, await initProducerId(this.client, transactionalId))
  }

  /** Written and flushed, then aborted as by its timeout. */
  async lost(): Promise<KafkaCommittable> {
    const { sender } = this
    const span = sender.use(await this.identity('app.0.0'))
    for (let i = 0; i < RECORDS; i++) {
      sender.builder(TOPIC, i % PARTITIONS).appendBytes(i, Buffer.from(`k${i}`), Buffer.from(`value ${i}`))
    }
    sender.end()
    const committable = committableOf(span.identity, await span.flushed)
    await this.end(committable, 'abort')
    return committable
  }

  async end({ transactionalId, producerId, producerEpoch }: KafkaCommittable, how: 'commit' | 'abort'): Promise<void> {
    await endTxn(this.client, { transactionalId, producerId, producerEpoch }, how)
  }

  async salvage(committable: KafkaCommittable) {
    const { client, sender } = this
    const identity = () => this.identity('app.salvage')
    const { done, rest } = await salvagePart({ client, sender, identity, partBytes: 500 }, committable)
    return { done: done as KafkaCommittable, rest: rest as KafkaCommittable | null }
  }

  /** By partition, what readers of committed records see. */
  async committed(): Promise<string[][]> {
    // Markers are written behind the answer.
    await this.client.clock.sleep(1_000)
    const fetcher = new Fetcher(this.client, { isolation: 'read_committed' })
    const seen: string[][] = Array.from({ length: PARTITIONS }, () => [])
    fetcher.assign(seen.map((_, partition) => ({ topic: TOPIC, partition, offset: 0 })))
    const isAtEnd = () => seen.every((_, partition) => fetcher.lag(TOPIC, partition) === 0)
    for (;;) {
      const batch = fetcher.poll()
      if (batch === undefined && isAtEnd()) break
      if (batch === undefined) await fetcher.whenAvailable()
      const records = batch?.records
      if (batch === undefined || records === null || records === undefined) continue
      for (let i = 0; i < records.count; i++) {
        seen[batch.partition]?.push(records.buffer.toString('utf8', records.valueStart[i], records.valueEnd[i]))
      }
    }
    await fetcher.close()
    return seen
  }
}

const EXPECTED = Array.from({ length: PARTITIONS }, (_, partition) =>
  Array.from({ length: RECORDS }, (_, i) => i)
    .filter((i) => i % PARTITIONS === partition)
    .map((i) => `value ${i}`),
)

test('part after part comes out once and in order, though each goes on where the one before ended', async () => {
  await Scene.of(async (scene) => {
    let parts = 0
    for (let left: KafkaCommittable | null = await scene.lost(); left !== null; parts++) {
      const { done, rest } = await scene.salvage(left)
      await scene.end(done, 'commit')
      left = rest
    }
    assert.ok(parts >= 4, `${parts} parts`)
    assert.deepEqual(await scene.committed(), EXPECTED)
  })
})

test('a part that is lost itself is written again in its place', async () => {
  await Scene.of(async (scene) => {
    const { done: first, rest } = await scene.salvage(await scene.lost())
    await scene.end(first, 'abort')
    const waiting = [first, ...(rest === null ? [] : [rest])]
    for (let lost = waiting.shift(); lost !== undefined; lost = waiting.shift()) {
      const { done, rest: left } = await scene.salvage(lost)
      await scene.end(done, 'commit')
      if (left !== null) waiting.unshift(left)
    }
    assert.deepEqual(await scene.committed(), EXPECTED)
  })
})

test('records that vanish between two parts stop the job: nothing passes for whole that is not', async () => {
  await Scene.of(async (scene) => {
    const { done, rest } = await scene.salvage(await scene.lost())
    await scene.end(done, 'commit')
    assert.ok(rest !== null)
    const [range] = rest.ranges
    assert.ok(range !== undefined)
    scene.kafka.partition(TOPIC, range.partition)?.trim(range.lastOffset)
    const untilTheEnd = async () => {
      for (let left: KafkaCommittable | null = rest; left !== null; ) ({ rest: left } = await scene.salvage(left))
    }
    await assert.rejects(untilTheEnd(), (error) => isMillraceError(error, 'MR_TRANSACTION_LOST'))
  })
})
