/** Everything that may go wrong, at random: for a while, then never again. */
import { CALM } from '../../../connectors/kafka/testing/simulated-network.ts'
import type { SeededRandom } from '../simulator/seeded-random.ts'
import type { SimulatedWorker, World } from './world.ts'

export interface DisturbanceOptions {
  /** Machines that workers may run on. */
  readonly machines: number
  /** Simulated ms in which things go wrong. */
  readonly lastMs: number
  /** Between two faults, on average. */
  readonly intervalMs: number
  /** Times when everything dies, and stays dead for longer than a transaction may take. */
  readonly disasters: number
}

/** Longer than the session timeout of the simulated workers: a paused one may have been replaced. */
const LONGEST_PAUSE_MS = 5_000
const LONGEST_OUTAGE_MS = 2_500
const LONGEST_DISASTER_MS = 20_000
const NOT_ENOUGH_REPLICAS = 19
const NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20

interface Target {
  readonly label: string
  readonly chance: number
}

/** Moments between a deed and its doer's knowledge of it. */
const TARGETS: readonly Target[] = [
  { label: 'none', chance: 0 },
  { label: 'answer to EndTxn', chance: 0.05 },
  { label: 'answer to InitProducerId', chance: 0.01 },
  { label: 'answer to AddPartitionsToTxn', chance: 0.03 },
  { label: 'answer to Produce', chance: 0.005 },
  { label: 'answer to Fetch', chance: 0.003 },
  { label: 'answer to JoinGroup', chance: 0.1 },
  { label: 'answer to SyncGroup', chance: 0.2 },
  { label: 'answer to Heartbeat', chance: 0.005 },
  { label: 'answer to DeleteRecords', chance: 0.1 },
  { label: 'storage has answered put', chance: 0.03 },
  { label: 'storage has answered get', chance: 0.2 },
  { label: 'storage has answered delete', chance: 0.05 },
  { label: 'disk writes', chance: 0.03 },
  { label: 'disk reads markers', chance: 0.3 },
]

export class Disturbances {
  isOver = false
  private darkUntilMs = 0
  private readonly world: World
  private readonly options: DisturbanceOptions
  private readonly random: SeededRandom
  private readonly endMs: number

  constructor(world: World, options: DisturbanceOptions) {
    this.world = world
    this.options = options
    this.random = world.simulation.random.fork()
    this.endMs = world.simulation.nowMs + options.lastMs
  }

  start(): void {
    const { world, random } = this
    this.aim(random.pick(TARGETS)!)
    const level = random.pick([0, 0.002, 0.01, 0.03])!
    const latencyMs = { least: 0.1, most: random.pick([1, 4, 30])! }
    const lateMs = random.pick([10, 1_000, 4_000])!
    world.network.conditions = {
      latencyMs,
      requestLoss: level,
      answerLoss: level,
      lateArrival: random.pick([0, 0.5, 1])!,
      lateMs,
    }
    const { conditions } = world.storage
    const latency = { least: 0.5, most: random.pick([5, 50, 400])! }
    world.storage.conditions = {
      ...conditions,
      latencyMs: latency,
      failure: random.pick([0, 0, 0.02, 0.1])!,
      deadlineMs: 3_000,
    }
    const refusal = random.pick([0, 0, 0.005, 0.03])!
    world.kafka.logs.produceFault = () => (random.chance(refusal) ? NOT_ENOUGH_REPLICAS : 0)
    world.kafka.logs.produceFaultAfter = () => (random.chance(refusal) ? NOT_ENOUGH_REPLICAS_AFTER_APPEND : 0)
    world.kafka.transactions.times.markerMs = random.pick([5, 50, 2_000])!
    world.kafka.transactions.times.writeMs = random.pick([1, 20])!
    this.next()
  }

  /** Strikes a worker at the very moment when something it has asked for is answered: done, and nobody knows of it. */
  private aim({ label, chance }: Target): void {
    const { world, random } = this
    let disasters = this.options.disasters
    world.simulation.beforeEvent = (owner, what) => {
      // Complete, not committed, and nobody there to commit before the transaction expires.
      if (owner === null && what === 'EndTxn' && disasters > 0 && random.chance(0.02)) {
        disasters--
        this.disaster()
      }
      if (what !== label || !random.chance(chance)) return
      const worker = world.workers.find(({ process }) => process === owner)
      if (worker === undefined) return
      if (random.chance(0.5)) this.kill(worker, 2_000)
      else this.pause(worker)
    }
  }

  private next(): void {
    const { world, random, options } = this
    world.simulation.after(null, random.between(0, 2 * options.intervalMs), 'fault', () => {
      if (world.simulation.nowMs >= this.endMs) {
        this.end()
        return
      }
      this.disturb()
      this.next()
    })
  }

  private disturb(): void {
    const { world, random, options } = this
    const worker = random.pick(world.running)
    const broker = random.pick(world.kafka.brokers)!
    switch (random.below(22)) {
      case 0:
      case 1:
      case 2:
      case 3:
        if (worker !== undefined) this.kill(worker, 2_000)
        break
      case 4:
      case 5:
      case 6:
      case 7:
        if (worker !== undefined) this.pause(worker)
        break
      case 8:
        if (worker !== undefined) this.stop(worker)
        break
      case 9:
      case 10:
      case 11:
        this.startOn(random.below(options.machines))
        break
      case 12:
      case 13:
      case 14:
        world.network.breakConnections(random.next(), random.chance(0.5) ? worker?.process : undefined)
        break
      case 15:
      case 16:
        if (worker !== undefined) this.cutOff(worker, broker.id)
        break
      case 17:
      case 18:
        if (broker.isUp) {
          world.kafka.crash(broker)
          this.later(LONGEST_OUTAGE_MS, 'restart of a broker', () => world.kafka.restart(broker))
        }
        break
      case 19:
        if (random.chance(0.3)) this.disaster()
        break
      case 20:
      case 21:
        this.moveLeaders()
    }
  }

  private moveLeaders(): void {
    const { kafka } = this.world
    for (const { partitions } of kafka.topics.all) {
      for (const partition of partitions) if (this.random.chance(0.3)) kafka.moveLeader(partition)
    }
  }

  private disaster(): void {
    this.world.simulation.note(null, 'disaster')
    for (const one of this.world.running) one.process.crash()
    const waitMs = this.random.chance(0.3) ? 3_000 : this.random.between(8_000, LONGEST_DISASTER_MS)
    this.darkUntilMs = this.world.simulation.nowMs + waitMs
    this.world.simulation.after(null, waitMs, 'start behind a disaster', () => {
      for (let machine = 0; machine < 3; machine++) this.startOn(machine)
    })
  }

  private kill(worker: SimulatedWorker, mostMs: number): void {
    worker.process.crash()
    this.later(mostMs, 'restart of a worker', () => this.startOn(worker.machine))
  }

  private stop(worker: SimulatedWorker): void {
    worker.stop()
    this.later(6_000, 'start of a worker', () => this.startOn(worker.machine))
  }

  private pause({ process }: SimulatedWorker): void {
    process.pause()
    this.later(LONGEST_PAUSE_MS, 'end of a pause', () => process.resume())
  }

  private cutOff({ process }: SimulatedWorker, broker: number): void {
    const { network } = this.world
    network.cut(process, broker)
    this.later(2 * LONGEST_OUTAGE_MS, 'end of a cut', () => network.heal(process, broker))
  }

  /** Unless there is one, or all is dark. */
  private startOn(machine: number): void {
    if (this.world.simulation.nowMs < this.darkUntilMs) return
    if (this.world.running.some((worker) => worker.machine === machine)) return
    this.world.start(machine)
  }

  private later(mostMs: number, label: string, run: () => void): void {
    this.world.simulation.after(null, this.random.between(0, mostMs), label, run)
  }

  /** Whatever is down comes back by itself; from now on nothing goes wrong. */
  private end(): void {
    const { world } = this
    world.simulation.beforeEvent = undefined
    world.network.conditions = CALM
    world.kafka.logs.produceFault = () => 0
    world.kafka.logs.produceFaultAfter = () => 0
    world.kafka.transactions.times.markerMs = 5
    world.storage.conditions = { ...world.storage.conditions, latencyMs: { least: 0.5, most: 8 }, failure: 0 }
    world.simulation.after(null, LONGEST_PAUSE_MS + LONGEST_OUTAGE_MS, 'calm', () => {
      this.isOver = true
      this.startOn(0)
      this.startOn(1)
    })
  }
}
