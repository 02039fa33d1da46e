/** Everything that may go wrong, at random: for a while, then never again. */
import { CALM } from '../../../connectors/kafka/testing/simulated-network.ts'
import { type Acts, LONGEST_OUTAGE_MS, LONGEST_PAUSE_MS } from './acts.ts'
import { DEEDS, FAULTS } from './faults.ts'

const NOT_ENOUGH_REPLICAS = 19
const NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20

const TRIED_AGAIN_MS = 700

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
  { label: 'storage has answered list', chance: 0.3 },
  { label: 'storage has answered delete', chance: 0.05 },
  { label: 'disk writes', chance: 0.03 },
  { label: 'disk reads markers', chance: 0.3 },
]

export class Disturbances {
  isOver = false
  private readonly acts: Acts
  private readonly lastMs: number
  private readonly endMs: number

  /** @param lastMs simulated ms in which things go wrong */
  constructor(acts: Acts, lastMs: number) {
    this.acts = acts
    this.lastMs = lastMs
    this.endMs = acts.world.simulation.nowMs + lastMs
  }

  start(): void {
    const { world, random, shape } = this.acts
    const level = shape.isRolling ? 0 : random.pick([0, 0.002, 0.01, 0.03])!
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
      failure: shape.isRolling ? 0 : random.pick([0, 0, 0.02, 0.1])!,
      deadlineMs: 3_000,
    }
    const refusal = shape.isRolling ? 0 : random.pick([0, 0, 0.005, 0.03])!
    world.kafka.logs.produceFault = () => (random.chance(refusal) ? NOT_ENOUGH_REPLICAS : 0)
    world.kafka.logs.produceFaultAfter = () => (random.chance(refusal) ? NOT_ENOUGH_REPLICAS_AFTER_APPEND : 0)
    world.kafka.transactions.times.markerMs = random.pick([5, 50, 2_000])!
    world.kafka.transactions.times.writeMs = random.pick([1, 20])!
    if (!shape.isRolling) this.aim(random.pick(TARGETS)!)
    for (const { times, act } of DEEDS) {
      for (let i = 0; i < times(shape); i++) this.plan(random.between(0, this.lastMs), () => act(this.acts))
    }
    this.next()
  }

  private plan(waitMs: number, act: () => boolean): void {
    const { simulation } = this.acts.world
    simulation.after(null, waitMs, 'deed', () => {
      if (simulation.nowMs < this.endMs && !act()) this.plan(TRIED_AGAIN_MS, act)
    })
  }

  /** Strikes a worker at the very moment when something it has asked for is answered: done, and nobody knows of it. */
  private aim({ label, chance }: Target): void {
    const { acts } = this
    const { world, random } = acts
    world.coverage.add(`aimed at ${label}`)
    world.simulation.beforeEvent = (owner, what) => {
      // Complete, not committed, and nobody there to commit before the transaction expires.
      if (owner === null && what === 'EndTxn' && random.chance(0.04)) acts.disaster()
      if (what !== label || !random.chance(chance)) return
      const worker = world.workers.find(({ process }) => process === owner)
      if (worker === undefined) return
      const act = random.next()
      if (act < 0.45) acts.kill(worker)
      else if (act < 0.9) acts.pause(worker)
      else acts.stop(worker)
    }
  }

  private next(): void {
    const { acts } = this
    const { world, random, shape } = acts
    world.simulation.after(null, random.between(0, 2 * shape.faultIntervalMs), 'fault', () => {
      if (world.simulation.nowMs >= this.endMs) {
        this.end()
        return
      }
      this.strike()
      this.next()
    })
  }

  private strike(): void {
    const { acts } = this
    const weights = FAULTS.map(({ weight }) => weight(acts.shape))
    let left = acts.random.next() * weights.reduce((sum, weight) => sum + weight, 0)
    const at = weights.findIndex((weight) => (left -= weight) < 0)
    FAULTS[at]?.strike(acts)
  }

  /** Whatever is down comes back by itself; from now on nothing goes wrong. */
  private end(): void {
    const { acts } = this
    const { world } = acts
    world.simulation.beforeEvent = undefined
    world.network.conditions = CALM
    world.kafka.logs.produceFault = () => 0
    world.kafka.logs.produceFaultAfter = () => 0
    world.kafka.transactions.times.markerMs = 5
    world.storage.conditions = { ...world.storage.conditions, latencyMs: { least: 0.5, most: 8 }, failure: 0 }
    for (const worker of world.running) if (worker.release === 'foreign') worker.process.crash()
    world.simulation.after(null, LONGEST_PAUSE_MS + LONGEST_OUTAGE_MS, 'calm', () => {
      this.isOver = true
      acts.isOver = true
      acts.savepoints.end()
      acts.startOn(0)
      acts.startOn(1)
    })
  }
}
