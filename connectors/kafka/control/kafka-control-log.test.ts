/** The control log against the model of Kafka. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../../../src/common/logger.ts'
import { layerOfJob } from '../../../src/config/layers.ts'
import { resolveConfig } from '../../../src/config/resolve.ts'
import type { ConnectorContext } from '../../../src/ports/connector-context.ts'
import { SimulatedProcess } from '../../../src/testing/simulator/simulated-process.ts'
import { Simulation } from '../../../src/testing/simulator/simulation.ts'
import { CLIENT_KEY, SharedClient } from '../shared-client.ts'
import { KafkaModel } from '../testing/kafka-model.ts'
import { SimulatedNetwork } from '../testing/simulated-network.ts'
import { KafkaControlLog } from './kafka-control-log.ts'

const TOPIC = 'app.control'

class Scene {
  readonly simulation = new Simulation(1)
  readonly kafka = new KafkaModel(this.simulation)
  readonly warnings: string[] = []
  private readonly network = new SimulatedNetwork(this.simulation, this.kafka)
  private readonly process = new SimulatedProcess(this.simulation, 'worker')

  /** As each start of a worker makes one. */
  log(): KafkaControlLog {
    const { config } = resolveConfig([layerOfJob({ appId: 'app', brokers: 'kafka-1:9092', checkpoints: 'file:///c' })])
    const shared = new Map<string, unknown>()
    const context: ConnectorContext = {
      applicationId: 'app',
      workerIndex: 0,
      clock: this.process.clock,
      logger: { ...silentLogger, warn: (event, fields) => void this.warnings.push(`${event} ${fields?.settings}`) },
      metrics: { counter: () => ({ add() {} }), gauge() {} },
      config,
      share<T>(key: string, make: () => T): T {
        const existing = (shared.get(key) as T | undefined) ?? make()
        shared.set(key, existing)
        return existing
      },
      fail: (error) => assert.fail(error),
    }
    context.share(CLIENT_KEY, () => new SharedClient(() => this.network.client(this.process)))
    return new KafkaControlLog(context)
  }

  setting(name: string): string | undefined {
    return this.kafka.topics.setting(this.kafka.topics.get(TOPIC) ?? assert.fail('the topic is there'), name)
  }

  async done<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false
    const settle = () => {
      isSettled = true
    }
    promise.then(settle, settle)
    const { simulation } = this
    assert.ok(await simulation.run(() => isSettled, { untilMs: simulation.nowMs + 120_000 }), 'it comes to an end')
    return promise
  }
}

test('nothing in it is deleted by time or size: from its creation on, and again where somebody has changed that', async () => {
  const scene = new Scene()
  assert.deepEqual(await scene.done(scene.log().open()), { created: true })
  assert.deepEqual([scene.setting('retention.ms'), scene.setting('retention.bytes')], ['-1', '-1'])
  assert.equal(scene.setting('cleanup.policy'), 'delete')
  const topic = scene.kafka.topics.get(TOPIC) ?? assert.fail()
  scene.kafka.topics.set(topic, { 'retention.ms': '604800000', 'cleanup.policy': 'compact' })
  assert.deepEqual(await scene.done(scene.log().open()), { created: false })
  assert.deepEqual([scene.setting('retention.ms'), scene.setting('cleanup.policy')], ['-1', 'delete'])
  assert.deepEqual(scene.warnings, ['control-topic-settings-mended cleanup.policy, retention.ms'])
})

test('more than one partition, which would have no one order, is refused', async () => {
  const scene = new Scene()
  scene.kafka.topics.create({ name: TOPIC, partitions: 2, replicationFactor: 1 }, () => 0)
  await assert.rejects(scene.done(scene.log().open()), { code: 'MR_CONTROL_LOG_UNUSABLE' })
})

test('what is appended at once lands in its order, each batch whole, whatever has to be sent again', async () => {
  const scene = new Scene()
  const log = scene.log()
  await scene.done(log.open())
  const NOT_ENOUGH_REPLICAS = 19
  let refusals = 0
  scene.kafka.logs.produceFault = () => (refusals++ % 3 === 0 ? NOT_ENOUGH_REPLICAS : 0)
  const batches = Array.from({ length: 20 }, (_, i) => [Buffer.from(`${i}a`), Buffer.from(`${i}b`)])
  const offsets = await scene.done(Promise.all(batches.map((batch) => log.append(batch))))
  assert.deepEqual(
    offsets,
    batches.map((_, i) => 2 * i),
  )
  const stop = new AbortController()
  const read: string[] = []
  const reading = (async () => {
    for await (const entries of log.tail(0, stop.signal)) {
      for (const { offset, value } of entries) read[offset] = String(value)
      if (read.length === 40) stop.abort()
    }
  })()
  await scene.done(reading)
  assert.deepEqual(read, batches.flat().map(String))
})
