/** What can be done to a simulated world; each undoes itself after a while. What was done, and in which phase, is counted. */
import type { ModelBroker } from '../../../connectors/kafka/testing/model-broker.ts'
import type { SeededRandom } from '../simulator/seeded-random.ts'
import { rewindByHand } from './rewind-by-hand.ts'
import { SavepointUser } from './savepoint-user.ts'
import type { Scenario } from './scenario.ts'
import type { Shape } from './shape.ts'
import type { SimulatedWorker, World } from './world.ts'

/** Longer than the session timeout of the simulated workers: a paused one may have been replaced. */
export const LONGEST_PAUSE_MS = 5_000
export const LONGEST_OUTAGE_MS = 2_500
const LONGEST_DISASTER_MS = 20_000
const LONGEST_TOPIC_AWAY_MS = 8_000
/** Of those that later releases run on, the first. */
const LATER_RELEASE_FROM = 2
/** Where nobody else is. */
const FOREIGN_MACHINE = 9
const HOUR_MS = 3_600_000
const CLOCK_STEPS_MS = [-1_500, 1_500, -HOUR_MS, HOUR_MS, -48 * HOUR_MS, 48 * HOUR_MS]

export class Acts {
  readonly world: World
  readonly scenario: Scenario
  readonly shape: Shape
  readonly random: SeededRandom
  readonly savepoints: SavepointUser
  /** Rewinds by hand that have not ended. */
  rewinding = 0
  /** From now on nothing is started any more but by hand. */
  isOver = false
  /** Nothing is started before. */
  private darkUntilMs = 0
  private disastersLeft: number

  constructor(world: World, scenario: Scenario, shape: Shape) {
    this.world = world
    this.scenario = scenario
    this.shape = shape
    this.random = world.simulation.random.fork()
    this.disastersLeft = shape.disasters
    this.savepoints = new SavepointUser(this)
    world.onEnd = (worker) => this.restartEnded(worker)
  }

  kill(worker: SimulatedWorker, mostMs = 2_000): void {
    this.cover('killed', worker)
    worker.process.crash()
    this.later(mostMs, 'restart of a worker', () => this.startOn(worker.machine))
  }

  pause(worker: SimulatedWorker): void {
    this.cover('paused', worker)
    worker.process.pause()
    this.later(LONGEST_PAUSE_MS, 'end of a pause', () => worker.process.resume())
  }

  /** As SIGTERM does. */
  stop(worker: SimulatedWorker): void {
    this.cover('stopped', worker)
    worker.stop()
    this.later(6_000, 'start of a worker', () => this.startOn(worker.machine))
  }

  /** Unless there is one, or all is dark. */
  startOn(machine: number): void {
    const { world } = this
    if (world.simulation.nowMs < this.darkUntilMs) return
    if (world.running.some((worker) => worker.machine === machine)) return
    world.coverage.add(`started${this.phaseOfJob()}`)
    world.start(machine, this.shape.hasLaterRelease && machine >= LATER_RELEASE_FROM ? 'later' : 'job')
  }

  breakConnections(worker: SimulatedWorker | undefined): void {
    this.cover('connections broken')
    this.world.network.breakConnections(this.random.next(), worker?.process)
  }

  cutOff(worker: SimulatedWorker, broker: ModelBroker): void {
    const { network } = this.world
    this.cover('cut off', worker)
    network.cut(worker.process, broker.id)
    this.later(2 * LONGEST_OUTAGE_MS, 'end of a cut', () => network.heal(worker.process, broker.id))
  }

  crashBroker(broker: ModelBroker): void {
    const { kafka } = this.world
    if (!broker.isUp) return
    this.cover('broker restarted')
    kafka.crash(broker)
    this.later(LONGEST_OUTAGE_MS, 'restart of a broker', () => kafka.restart(broker))
  }

  moveLeaders(): void {
    const { kafka } = this.world
    if (kafka.brokers.length === 1) return
    this.cover('leaders moved')
    for (const { partitions } of kafka.topics.all) {
      for (const partition of partitions) if (this.random.chance(0.3)) kafka.moveLeader(partition)
    }
  }

  /** Everybody dies; where transactions expire soon, they do before anybody comes back. */
  disaster(): void {
    const { world, random } = this
    if (this.disastersLeft === 0) return
    this.disastersLeft--
    this.cover('disaster')
    world.simulation.note(null, 'disaster')
    for (const one of world.running) one.process.crash()
    const waitMs = random.chance(0.3) ? 3_000 : random.between(8_000, LONGEST_DISASTER_MS)
    this.darken(waitMs)
    if (this.shape.rewinds > 0 && random.chance(0.5)) this.later(waitMs, 'rewind in the dark', () => this.rewind())
    world.simulation.after(null, waitMs, 'start behind a disaster', () => {
      for (let machine = 0; machine < 3; machine++) this.startOn(machine)
    })
  }

  /** Nothing is started for so long. */
  darken(ms: number): void {
    this.darkUntilMs = Math.max(this.darkUntilMs, this.world.simulation.nowMs + ms)
  }

  jumpClock(worker: SimulatedWorker): void {
    this.cover('clock jumped')
    worker.process.clock.wallOffsetMs += this.random.pick(CLOCK_STEPS_MS)!
  }

  /** False: there is nothing to go back to yet. */
  rewind(): boolean {
    const { world, random } = this
    if (world.checker.view.retained.length === 0) return false
    this.rewinding++
    const phase = this.phaseOfJob()
    void rewindByHand(world, (retained) => random.pick(retained)).then((isDone) => {
      this.rewinding--
      if (isDone) world.coverage.add(`rewound${phase}`)
    })
    return true
  }

  addPartition(): boolean {
    if (this.scenario.isReplaced) return true
    this.world.coverage.add(`partition added${this.phaseOfJob()}`)
    this.scenario.addPartition()
    return true
  }

  /** Once the job knows which topic it was. */
  replaceTopic(): boolean {
    if (this.world.checker.view.sourceStarts.size === 0) return false
    this.world.coverage.add(`source topic replaced${this.phaseOfJob()}`)
    this.scenario.replaceTopic(this.random.between(1, LONGEST_TOPIC_AWAY_MS))
    return true
  }

  /** Once there is state that it can't claim: before that the id is whose who comes first. */
  startForeign(): boolean {
    if (this.world.checker.view.restorePoint === null) return false
    this.world.coverage.add(`another job started${this.phaseOfJob()}`)
    this.world.start(FOREIGN_MACHINE, 'foreign')
    return true
  }

  later(mostMs: number, label: string, run: () => void): void {
    this.world.simulation.after(null, this.random.between(0, mostMs), label, run)
  }

  /** What runs the processes starts one again that has ended by itself. */
  private restartEnded(worker: SimulatedWorker): void {
    if (this.isOver || worker.release === 'foreign' || worker.end?.ok !== false) return
    this.later(3_000, 'restart of a worker that failed', () => this.startOn(worker.machine))
  }

  private cover(what: string, worker?: SimulatedWorker): void {
    this.world.coverage.add(worker === undefined ? what : `${what} while ${worker.status.phase}${this.phaseOfJob()}`)
  }

  phaseOfJob(): string {
    const { epochState, pending } = this.world.checker.view
    return `, epoch ${epochState}${pending === undefined ? '' : `, ${pending.triggered.kind} checkpoint pending`}`
  }
}
