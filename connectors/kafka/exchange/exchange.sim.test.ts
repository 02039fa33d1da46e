/**
 * Epochs of workers that read and write one exchange, against the model of Kafka: killed, stopped for a while, restored
 * from the last checkpoint or, rewound by hand, from one before, while brokers and the network fail and retained records
 * are trimmed. Writers and readers are the product's; what coordinates them here is as little as can be.
 *
 * Invariant: what a task holds is, of each writer, every frame for its partition once and in order, whatever was restored.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMillraceError } from '../../../src/common/errors.ts'
import type { ChannelState, ExchangeInput, ExchangeReader, ExchangeTopic, ExchangeWriter } from '../../../src/ports/exchange.ts'
import { SimulatedProcess } from '../../../src/testing/simulator/simulated-process.ts'
import { Simulation } from '../../../src/testing/simulator/simulation.ts'
import type { KafkaClient } from '../client/client.ts'
import { KafkaModel } from '../testing/kafka-model.ts'
import { SimulatedNetwork } from '../testing/simulated-network.ts'
import { openTestExchange, textOf } from './testing.ts'

const WORKERS = 2
const PARTITIONS = 3
/** That each worker's source holds. */
const RECORDS = 400
const EPOCHS = 6

const partitionOf = (worker: number, record: number) => (record * 7 + worker) % PARTITIONS
/** By partition and worker: the records that go there, in order. */
const EXPECTED = Array.from({ length: PARTITIONS }, (_, partition) =>
  Array.from({ length: WORKERS }, (_, worker) =>
    Array.from({ length: RECORDS }, (_, record) => record).filter((record) => partitionOf(worker, record) === partition),
  ),
)

/** Of one partition. */
interface TaskCut {
  readonly position: number
  readonly channels: readonly ChannelState[]
  /** By worker: how many of its records it holds. */
  readonly counts: readonly number[]
}

interface Manifest {
  readonly worker: number
  readonly source: number
  readonly tasks: ReadonlyMap<number, TaskCut>
  readonly channel: Channel
}

interface Channel {
  readonly producerId: number
  /** By partition. */
  readonly ends: Readonly<Record<number, number>>
}

interface Checkpoint {
  readonly sources: readonly number[]
  readonly tasks: readonly TaskCut[]
  readonly writers: readonly Channel[]
}

const NOTHING: Checkpoint = {
  sources: Array.from({ length: WORKERS }, () => 0),
  tasks: Array.from({ length: PARTITIONS }, () => ({ position: 0, channels: [], counts: new Array(WORKERS).fill(0) })),
  writers: [],
}

/** One worker in one epoch. Goes on as it was if the world has given it up: a zombie. */
class Worker {
  readonly process: SimulatedProcess
  readonly index: number
  isStopped = false
  /** The number of the last checkpoint asked for. */
  wanted = 0
  writer: ExchangeWriter | undefined
  private cutOf = 0
  private source: number
  private readonly counts = new Map<number, number[]>()

  constructor(process: SimulatedProcess, index: number, restored: Checkpoint) {
    this.process = process
    this.index = index
    this.source = restored.sources[index]!
    for (const [partition, { counts }] of restored.tasks.entries()) {
      if (partition % WORKERS === index) this.counts.set(partition, [...counts])
    }
  }

  get partitions(): number[] {
    return [...this.counts.keys()]
  }

  get isDone(): boolean {
    if (this.source < RECORDS) return false
    return [...this.counts].every(([partition, counts]) =>
      counts.every((count, worker) => count === EXPECTED[partition]![worker]!.length),
    )
  }

  async run(
    writer: ExchangeWriter,
    reader: ExchangeReader,
    producers: ReadonlySet<number>,
    ack: (n: number, manifest: Manifest) => void,
  ) {
    const { random, clock } = this.process
    while (!this.isStopped) {
      if (this.wanted > this.cutOf) this.cut(this.wanted, writer, reader, ack)
      for (let left = random.below(40); left > 0; left--) {
        const frame = reader.poll()
        if (frame === undefined) break
        const [kind, number] = textOf(frame).split(' ') as [string, string]
        if (kind === 'barrier') {
          if (producers.has(frame.producerId) && Number(number) > this.cutOf) this.cut(Number(number), writer, reader, ack)
        } else this.take(frame.partition, Number(kind), Number(number))
      }
      for (let left = random.below(6); left > 0 && this.source < RECORDS; left--) {
        const frame = Buffer.from(`${this.index} ${this.source}`)
        writer.append('x', partitionOf(this.index, this.source++), frame, 0, frame.length)
      }
      await (writer.backPressure() ?? clock.sleep(random.between(0, 20)))
    }
    await writer.close()
    await reader.close()
  }

  private take(partition: number, worker: number, record: number): void {
    const counts = this.counts.get(partition)!
    assert.equal(record, EXPECTED[partition]![worker]![counts[worker]!++], `partition ${partition}, of worker ${worker}`)
  }

  private cut(
    number: number,
    writer: ExchangeWriter,
    reader: ExchangeReader,
    ack: (n: number, manifest: Manifest) => void,
  ): void {
    this.cutOf = number
    const source = this.source
    const tasks = new Map(
      Array.from(this.counts, ([partition, counts]) => [
        partition,
        { ...reader.position('x', partition), counts: [...counts] },
      ]),
    )
    writer.appendToAll(Buffer.from(`barrier ${number}`)).then(
      ({ x: ends = {} }) =>
        ack(number, { worker: this.index, source, tasks, channel: { producerId: writer.producerId, ends } }),
      () => {}, // the writer fails, and its epoch with it
    )
  }
}

class World {
  readonly simulation: Simulation
  readonly kafka: KafkaModel
  readonly network: SimulatedNetwork
  private readonly leader: SimulatedProcess
  /** Oldest first; never empty. */
  private retained: Checkpoint[] = [NOTHING]
  private checkpoints = 0
  private epoch = 0
  /** Of the running epoch. */
  private workers: Worker[] = []
  violation: unknown

  constructor(seed: number, faults: number) {
    this.simulation = new Simulation(seed)
    this.kafka = new KafkaModel(this.simulation, { brokers: 2 })
    this.network = new SimulatedNetwork(this.simulation, this.kafka)
    const losses = { requestLoss: faults / 10, answerLoss: faults / 10 }
    this.network.conditions = { ...this.network.conditions, latencyMs: { least: 0.1, most: 5 }, ...losses }
    this.leader = new SimulatedProcess(this.simulation, 'leader')
    if (faults > 0) this.disturb(faults)
  }

  async live(): Promise<void> {
    const { random, clock } = this.leader
    const client = await this.connected(this.leader)
    const { exchange } = openTestExchange({ cluster: client })
    const topics = await exchange.prepare([{ exchange: 'x', partitions: PARTITIONS }])
    for (let epoch = 1; ; epoch++) {
      if (epoch > EPOCHS) {
        const calm = { latencyMs: { least: 0.1, most: 1 }, requestLoss: 0, answerLoss: 0 }
        this.network.conditions = { ...this.network.conditions, ...calm }
      }
      // A rewind by hand: what came after it was never part of the job.
      if (this.retained.length > 1 && random.chance(0.2)) this.retained.pop()
      const lives = this.begin(epoch, topics)
      const endsAtMs = clock.monotonicMs() + (epoch > EPOCHS ? 60_000 : random.between(100, 3_000))
      let isOver = false
      lives.catch(() => (isOver = true))
      while (!isOver && clock.monotonicMs() < endsAtMs) {
        await clock.sleep(random.between(50, 300))
        for (const worker of this.workers) worker.wanted = this.checkpoints + 1
        if (random.chance(0.2)) this.checkpoints++ // aborted: its number is never used again
        await this.trim(exchange)
        if (this.workers.every(({ isDone }) => isDone)) return
      }
      assert.ok(epoch < EPOCHS + 4, 'it comes to an end when the faults are over')
      this.end()
    }
  }

  /** Rejects when a worker of the epoch fails. */
  private async begin(epoch: number, topics: readonly ExchangeTopic[]): Promise<void> {
    this.epoch = epoch
    const restored = this.retained.at(-1)!
    const started = Promise.withResolvers<ReadonlySet<number>>()
    const acks = new Map<number, Manifest[]>()
    const ack = (number: number, manifest: Manifest): void => {
      if (this.epoch !== epoch || number <= this.checkpoints) return
      const manifests = [...(acks.get(number) ?? []), manifest]
      acks.set(number, manifests)
      if (manifests.length === WORKERS) this.complete(number, manifests, restored)
    }
    this.workers = Array.from({ length: WORKERS }, (_, index) => {
      return new Worker(new SimulatedProcess(this.simulation, `worker-${epoch}-${index}`), index, restored)
    })
    const lives = this.workers.map(async (worker) => {
      const client = await this.connected(worker.process)
      const { exchange, failures } = openTestExchange({ cluster: client })
      worker.writer = await exchange.openWriter(topics)
      const ids = this.workers.flatMap(({ writer }) => (writer === undefined ? [] : [writer.producerId]))
      if (ids.length === WORKERS) started.resolve(new Set(ids))
      const producers = await started.promise
      const inputs = worker.partitions.map((partition) => inputOf(partition, restored))
      try {
        await worker.run(worker.writer, await exchange.openReader(inputs, producers), producers, ack)
        if (failures[0] !== undefined) throw failures[0]
      } catch (error) {
        const isLoss = !isMillraceError(error) || error.code.startsWith('MR_EXCHANGE')
        if (isLoss && this.workers.includes(worker)) this.violation ??= error
        throw error
      }
    })
    await Promise.all(lives)
  }

  private complete(number: number, manifests: readonly Manifest[], restored: Checkpoint): void {
    this.checkpoints = number
    const sorted = manifests.toSorted((a, b) => a.worker - b.worker)
    const tasks = NOTHING.tasks.map((_, partition) => sorted[partition % WORKERS]!.tasks.get(partition)!)
    const own = sorted.map(({ channel }) => channel)
    const previous = this.retained.at(-1)!.writers.length > 0 ? this.retained.at(-1)! : restored
    const earlier = previous.writers.filter(
      ({ producerId, ends }) =>
        !own.some((channel) => channel.producerId === producerId) &&
        tasks.some(({ position }, partition) => position < ends[partition]!),
    )
    this.retained.push({ sources: sorted.map(({ source }) => source), tasks, writers: [...earlier, ...own] })
  }

  private async trim(exchange: ReturnType<typeof openTestExchange>['exchange']): Promise<void> {
    if (this.retained.length <= 2) return
    this.retained = this.retained.slice(-2)
    const positions = this.retained[0]!.tasks.map(({ position }, partition) => [partition, position])
    await exchange.trim({ x: Object.fromEntries(positions) }).catch((error) => assert.ok(isMillraceError(error)))
  }

  /** Killed, stopped in an orderly way, or standing still: those come back while later epochs run, and write. */
  private end(): void {
    const { random } = this.leader
    for (const worker of this.workers) {
      const { process } = worker
      const what = random.below(3)
      if (what === 0) process.crash()
      if (what === 1) worker.isStopped = true
      if (what === 2) {
        if (random.chance(0.5)) process.pause()
        this.simulation.after(null, random.between(10, 4_000), 'a zombie wakes', () => process.resume())
        this.simulation.after(null, random.between(4_000, 8_000), 'a zombie ends', () => process.crash())
      }
    }
    this.workers = []
  }

  private async connected(process: SimulatedProcess): Promise<KafkaClient> {
    for (;;) {
      const client = await this.network.client(process, undefined, 2_000).catch(() => undefined)
      if (client !== undefined) return client
    }
  }

  private disturb(faults: number): void {
    const random = this.simulation.random.fork()
    const next = (): void => {
      this.simulation.after(null, random.between(10, 500), 'fault', () => {
        if (this.epoch > EPOCHS) return
        const what = random.below(3)
        if (what === 0) this.network.breakConnections(0.5)
        const partition = this.kafka.partition('app.exchange.x', random.below(PARTITIONS))
        if (what === 1 && partition !== undefined) this.kafka.moveLeader(partition)
        if (what === 2 && this.kafka.brokers.every(({ isUp }) => isUp)) {
          const broker = this.kafka.brokers[random.below(2)]!
          this.kafka.crash(broker)
          this.simulation.after(null, random.between(1, 500), 'restart', () => this.kafka.restart(broker))
        }
        next()
      })
    }
    next()
    const failing = (code: number) => () => (this.epoch <= EPOCHS && random.chance(faults / 4) ? code : 0)
    this.kafka.logs.produceFault = failing(19)
    this.kafka.logs.produceFaultAfter = failing(20)
  }
}

function inputOf(partition: number, { tasks, writers }: Checkpoint): ExchangeInput {
  const { position, channels } = tasks[partition]!
  const ended = writers.map(({ producerId, ends }) => {
    const known = channels.find((channel) => channel.producerId === producerId)
    return { producerId, endOffset: ends[partition]!, nextSequence: known?.nextSequence ?? 0 }
  })
  return { exchange: 'x', partition, position, ended }
}

async function run(seed: number, faults: number): Promise<string> {
  const world = new World(seed, faults)
  let outcome: { readonly error?: unknown } | undefined
  world.live().then(
    () => (outcome = {}),
    (error) => (outcome = { error }),
  )
  const isOver = () => outcome !== undefined || world.violation !== undefined
  assert.ok(await world.simulation.run(isOver, { untilMs: 3_600_000 }), 'it comes to an end')
  if (world.violation !== undefined) throw world.violation
  if (outcome?.error !== undefined) throw outcome.error
  return world.simulation.digest
}

test('whatever workers, brokers and connections do, a task holds every frame of each writer once, in order', async () => {
  const from = Number(process.env.MILLRACE_SIM_FROM ?? 1)
  const seeds = Number(process.env.MILLRACE_SIM_SEEDS ?? 30)
  for (let seed = from; seed < from + seeds; seed++) {
    const faults = (seed % 5) / 20
    try {
      const digest = await run(seed, faults)
      if (seed % 15 === 0) assert.equal(await run(seed, faults), digest, 'a seed replays exactly')
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error })
    }
  }
})
