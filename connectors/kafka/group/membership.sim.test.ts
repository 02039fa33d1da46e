/**
 * Workers in one group against the model of Kafka: killed, stopped, cut off, leaving and coming back, with coordinators
 * that fail over, in simulated time.
 *
 * Invariants:
 * - The list of a leader whose group has settled lacks a settled member only if that member's session is over by its own clock: whoever is given its
 *   tasks need not fear it.
 * - When the faults end, all that are up come together in one group.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../../../src/common/logger.ts'
import type { SeededRandom } from '../../../src/testing/simulator/seeded-random.ts'
import { SimulatedProcess } from '../../../src/testing/simulator/simulated-process.ts'
import { Simulation } from '../../../src/testing/simulator/simulation.ts'
import { KafkaModel } from '../testing/kafka-model.ts'
import { SimulatedNetwork } from '../testing/simulated-network.ts'
import { GroupIdentity } from './group-identity.ts'
import { GroupSession } from './group-session.ts'
import { KafkaGroupMembership } from './kafka-group-membership.ts'

const SESSION_MS = 10_000
const REBALANCE_MS = 30_000
const FAULTS_UNTIL_MS = 240_000
/** A session that runs out, a rebalance that waits for all, and some tries in between. */
const TO_SETTLE_MS = SESSION_MS + REBALANCE_MS + 20_000

class SimulatedWorker {
  readonly process: SimulatedProcess
  readonly identity = new GroupIdentity()
  settled: GroupSession | undefined
  /** A leader has gone on without it while it stood still. */
  isLeftBehind = false
  isLeaving = false
  group: KafkaGroupMembership | undefined

  constructor(process: SimulatedProcess) {
    this.process = process
  }

  get isMember(): boolean {
    return this.settled !== undefined && !this.settled.hasEnded()
  }
}

class World {
  readonly simulation: Simulation
  readonly kafka: KafkaModel
  readonly network: SimulatedNetwork
  readonly random: SeededRandom
  readonly workers: SimulatedWorker[] = []
  failure: unknown
  rebalances = 0
  excluded = 0
  #nonces = 0

  constructor(seed: number) {
    this.simulation = new Simulation(seed)
    this.kafka = new KafkaModel(this.simulation, { brokers: 2 })
    this.network = new SimulatedNetwork(this.simulation, this.kafka)
    this.random = this.simulation.random.fork()
    const conditions = { latencyMs: { least: 0.1, most: 20 }, requestLoss: 0.005, answerLoss: 0.005 }
    this.network.conditions = { ...this.network.conditions, ...conditions }
  }

  start(name: string): void {
    const worker = new SimulatedWorker(new SimulatedProcess(this.simulation, name))
    this.workers.push(worker)
    this.#live(worker).catch((error) => {
      if (worker.process.isAlive && !worker.isLeaving) this.failure ??= error
    })
  }

  get up(): SimulatedWorker[] {
    return this.workers.filter(({ process }) => process.isAlive)
  }

  /** All that are up have the same generation. */
  get isTogether(): boolean {
    const identities = this.up.map(({ isMember, identity }) => (isMember ? identity.current : 'absent'))
    const generations = new Set(identities.map((one) => (typeof one === 'object' ? one.generation : -1)))
    return generations.size === 1 && !generations.has(-1) && this.up.every(({ settled }) => !settled?.rebalancing.aborted)
  }

  async #live(worker: SimulatedWorker): Promise<void> {
    const { process, identity } = worker
    const { clock, name, random } = process
    const client = await this.network.client(process)
    const group = new KafkaGroupMembership({
      client: async () => client,
      groupId: 'app',
      clock,
      logger: silentLogger,
      topics: () => ['orders'],
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: REBALANCE_MS,
      heartbeatIntervalMs: 500,
      identity,
    })
    worker.group = group
    while (!worker.isLeaving) {
      const facts = { worker: name, joinNonce: String(this.#nonces++), graphDigest: 'g', localState: {} }
      const joined = await group.join(facts)
      // The leader divides: it takes its time, and the others wait.
      if (joined.isLeader) await clock.sleep(random.below(2_000))
      const membership = await joined.settle(joined.isLeader ? new Map() : undefined)
      if (membership === null) continue
      // From here on it would give tasks to others.
      if (joined.isLeader) this.#checkExcluded(new Set(joined.members.map(({ memberId }) => memberId)))
      assert.ok(membership instanceof GroupSession)
      worker.settled = membership
      this.rebalances++
      const change = AbortSignal.any([membership.rebalancing, membership.ended])
      await new Promise((resolve) => {
        if (change.aborted) resolve(undefined)
        change.addEventListener('abort', resolve, { once: true })
      })
      // A last checkpoint.
      if (!membership.ended.aborted) await clock.sleep(random.below(8_000), membership.ended).catch(() => {})
      worker.settled = undefined
    }
  }

  #checkExcluded(members: ReadonlySet<string>): void {
    for (const worker of this.up) {
      const { settled, process } = worker
      if (settled === undefined || settled.ended.aborted || members.has(settled.member.memberId)) continue
      this.excluded++
      if (process.isPaused) worker.isLeftBehind = true
      else assert.ok(settled.hasEnded(), `${process.name} is taken for dead and takes itself for a member`)
    }
  }

  resume(worker: SimulatedWorker): void {
    // Before anything else of it runs.
    if (worker.isLeftBehind && worker.settled !== undefined) {
      assert.ok(worker.settled.hasEnded(), `${worker.process.name} wakes as a member after it was taken for dead`)
    }
    worker.isLeftBehind = false
    worker.process.resume()
  }

  disturb(): void {
    const { random, simulation, network } = this
    simulation.after(null, random.between(500, 12_000), 'fault', () => {
      if (simulation.nowMs > FAULTS_UNTIL_MS) return
      const worker = random.pick(this.up.filter(({ process }) => !process.isPaused))
      const broker = random.pick(this.kafka.brokers)
      const what = random.below(6)
      if (worker !== undefined && what === 0) {
        worker.process.crash()
        simulation.after(null, random.below(15_000), 'starts again', () => this.start(worker.process.name))
      } else if (worker !== undefined && what === 1) {
        worker.process.pause()
        simulation.after(null, random.below(2 * SESSION_MS), 'goes on', () => this.resume(worker))
      } else if (worker?.group !== undefined && what === 2) {
        const start = () => {
          if (!worker.process.isAlive) return
          worker.process.crash()
          this.start(worker.process.name)
        }
        worker.isLeaving = true
        worker.group.leave().then(start, (error) => (this.failure ??= error))
      } else if (worker !== undefined && what === 3) {
        for (const { id } of this.kafka.brokers) network.cut(worker.process, id)
        simulation.after(null, random.below(2 * SESSION_MS), 'is healed', () => {
          for (const { id } of this.kafka.brokers) network.heal(worker.process, id)
        })
      } else if (broker !== undefined && what === 4 && this.kafka.brokers.every(({ isUp }) => isUp)) {
        this.kafka.crash(broker)
        simulation.after(null, random.below(8_000), 'broker starts', () => this.kafka.restart(broker))
      } else network.breakConnections(0.5)
      this.disturb()
    })
  }
}

async function run(seed: number, faults: boolean): Promise<World> {
  const world = new World(seed)
  for (const name of ['a', 'b', 'c', 'd']) world.start(name)
  if (faults) {
    world.disturb()
    await world.simulation.run(() => world.failure !== undefined, { untilMs: FAULTS_UNTIL_MS + 2 * SESSION_MS })
  }
  const untilMs = world.simulation.nowMs + TO_SETTLE_MS
  const isTogether = await world.simulation.run(() => world.failure !== undefined || world.isTogether, { untilMs })
  if (world.failure !== undefined) throw world.failure
  assert.ok(isTogether, `seed ${seed}: no group after ${TO_SETTLE_MS} ms without faults`)
  return world
}

test('without faults all come together', async () => {
  await run(1, false)
})

test('whatever happens to workers and coordinators, nobody is replaced who takes itself for a member, and all come together', async () => {
  let [rebalances, excluded] = [0, 0]
  for (let seed = 1; seed <= 40; seed++) {
    const world = await run(seed, true).catch((cause) => {
      throw new Error(`seed ${seed}`, { cause })
    })
    rebalances += world.rebalances
    excluded += world.excluded
  }
  assert.ok(rebalances > 1_000 && excluded > 20, `${rebalances} rebalances, ${excluded} members replaced`)
})

test('the same seed is the same run', async () => {
  const digests = [await run(7, true), await run(7, true)].map(({ simulation }) => simulation.digest)
  assert.equal(digests[0], digests[1])
})
