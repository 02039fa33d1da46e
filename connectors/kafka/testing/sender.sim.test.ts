/** The sender and the client against the model of Kafka, through whatever the network and the brokers do. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedProcess } from '../../../src/testing/simulator/simulated-process.ts'
import { Simulation } from '../../../src/testing/simulator/simulation.ts'
import { createTopics } from '../client/admin.ts'
import { ProducerIdentity } from '../client/producer.ts'
import type { PartitionRange } from '../client/producer-span.ts'
import { Sender } from '../client/sender.ts'
import { endTxn, initProducerId } from '../client/transactions.ts'
import { decodeRecords } from '../codec/record-batch-reader.ts'
import { KafkaModel } from './kafka-model.ts'
import { SimulatedNetwork } from './simulated-network.ts'

const PARTITIONS = 3
const TOPIC = 't'

interface Run {
  readonly digest: string
  readonly simulation: Simulation
}

/** Numbered records under several identities, some of them transactional; checks what the log holds in the end. */
async function run(seed: number, faults: number, keepTrace = false): Promise<Run> {
  const simulation = new Simulation(seed, { keepTrace })
  const kafka = new KafkaModel(simulation, { brokers: 2 })
  const network = new SimulatedNetwork(simulation, kafka)
  const process = new SimulatedProcess(simulation, 'sender')
  const { random } = process
  network.conditions = {
    latencyMs: { least: 0.1, most: 3 },
    requestLoss: faults,
    answerLoss: faults,
    lateArrival: 0,
    lateMs: 100,
  }
  disturb(simulation, kafka, network, faults)
  const appended: string[][] = Array.from({ length: PARTITIONS }, () => [])
  const spans: Array<{ turn: number; ranges: readonly PartitionRange[] }> = []
  const work = async (): Promise<void> => {
    const client = await network.client(process)
    await createTopics(client, [{ name: TOPIC, partitions: PARTITIONS, replicationFactor: 1 }])
    await client.topic(TOPIC, 60_000)
    const sender = new Sender(client, {
      maxBatchBytes: 150,
      maxRequestBytes: 400,
      maxBufferedBytes: 4_000,
      retryBackoff: { firstMs: 5, maxMs: 50 },
      deliveryTimeoutMs: 600_000,
    })
    const identities: ProducerIdentity[] = []
    for (let turn = 0; turn < 4; turn++) {
      const transactionalId = turn % 2 === 0 ? null : `tx-${turn}`
      // Sometimes one used before comes again: its sequences go on, and it must not overtake the one between.
      const used = transactionalId === null && random.chance(0.5) ? identities.at(-2) : undefined
      const identity = used ?? new ProducerIdentity(transactionalId)
      identities.push(identity)
      const span = sender.use(identity)
      const known = used === undefined ? initProducerId(client, transactionalId, { timeoutMs: 600_000 }) : undefined
      const initialised = known?.then((id) => identity.initialise(id))
      if (random.chance(0.5)) await initialised
      for (let index = 0; index < 120; index++) {
        const partition = random.below(PARTITIONS)
        const value = `${turn}.${index}`
        sender.builder(TOPIC, partition).appendText(process.clock.nowMs(), null, value)
        appended[partition]!.push(value)
        if (random.chance(0.1)) await process.clock.turn()
        await sender.whenDrained()
      }
      await initialised
      sender.end()
      const ranges = await span.flushed
      spans.push({ turn, ranges })
      const { producerId, producerEpoch } = identity
      if (transactionalId === null) continue
      const outcome = await endTxn(client, { transactionalId, producerId, producerEpoch }, 'commit', 600_000)
      assert.deepEqual(outcome, { kind: 'committed' })
    }
    sender.close()
    client.close()
  }
  let failure: unknown
  let isDone = false
  work().then(
    () => (isDone = true),
    (error) => {
      failure = error
      isDone = true
    },
  )
  assert.ok(await simulation.run(() => isDone, { untilMs: 3_600_000 }), 'it comes to an end')
  if (failure !== undefined) throw failure
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const log = valuesIn(kafka, partition)
    assert.deepEqual(
      log.map(({ value }) => value),
      appended[partition],
    )
    for (const { turn, ranges } of spans) {
      const own = log.filter(({ value }) => value.startsWith(`${turn}.`)).map(({ offset }) => offset)
      const range = ranges.find((one) => one.partition === partition)
      if (own.length === 0) assert.equal(range, undefined)
      else {
        const [firstOffset, lastOffset] = [own[0], own.at(-1)]
        assert.deepEqual(range, { topic: TOPIC, partition, firstOffset, lastOffset, recordCount: own.length })
      }
    }
  }
  return { digest: simulation.digest, simulation }
}

function disturb(simulation: Simulation, kafka: KafkaModel, network: SimulatedNetwork, faults: number): void {
  if (faults === 0) return
  const random = simulation.random.fork()
  const next = (): void => {
    simulation.after(null, random.between(1, 30), 'fault', () => {
      const what = random.below(5)
      const broker = kafka.brokers[random.below(2)]!
      if (what === 0) network.breakConnections(0.5)
      if (what === 1) {
        const partition = kafka.partition(TOPIC, random.below(PARTITIONS))
        if (partition !== undefined) kafka.moveLeader(partition)
      }
      // A leader that starts again knows only the last batch of a producer: repeats of older ones fail a sender.
      const hasLeaders = [0, 1, 2].every((partition) => kafka.partition(TOPIC, partition)?.leader !== -1)
      if (what === 2 && hasLeaders && kafka.brokers.every((one) => one.isUp)) {
        kafka.crash(broker)
        simulation.after(null, random.between(1, 300), 'restart', () => kafka.restart(broker))
      }
      next()
    })
  }
  next()
  const failing = (code: number) => () => (random.chance(faults / 4) ? code : 0)
  kafka.logs.produceFault = failing(19)
  kafka.logs.produceFaultAfter = failing(20)
}

function valuesIn(kafka: KafkaModel, partition: number): { value: string; offset: number }[] {
  return (kafka.partition(TOPIC, partition)?.log ?? []).flatMap(({ bytes, header }) => {
    if (header.isControl) return []
    const { buffer, valueStart, valueEnd, offsets } = decodeRecords(bytes, header)
    return Array.from(offsets, (offset, i) => ({ offset, value: buffer.toString('utf8', valueStart[i], valueEnd[i]) }))
  })
}

test('without faults everything is written once, in order, with its ranges', async () => {
  const first = await run(1, 0)
  assert.equal((await run(1, 0)).digest, first.digest)
})

test('whatever brokers and connections do, every record is written once, in order', async () => {
  const from = Number(process.env.MILLRACE_SIM_FROM ?? 1)
  const seeds = Number(process.env.MILLRACE_SIM_SEEDS ?? 40)
  for (let seed = from; seed < from + seeds; seed++) {
    try {
      const { digest } = await run(seed, 0.02 + (seed % 10) / 40)
      if (seed % 20 === 0) assert.equal((await run(seed, 0.02 + (seed % 10) / 40)).digest, digest, 'a seed replays exactly')
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error })
    }
  }
})
