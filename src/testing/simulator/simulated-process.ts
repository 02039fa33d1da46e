/** A process of the simulated world: a name, a clock, and the ways in which it can end or stand still. */
import type { EventOwner, SimulatedEvent } from './event-queue.ts'
import type { SeededRandom } from './seeded-random.ts'
import { SimulatedClock } from './simulated-clock.ts'
import type { Simulation } from './simulation.ts'

export class SimulatedProcess implements EventOwner {
  readonly simulation: Simulation
  readonly name: string
  readonly index: number
  readonly random: SeededRandom
  readonly clock: SimulatedClock
  private state: 'running' | 'paused' | 'dead' = 'running'
  private held: SimulatedEvent[] = []
  private readonly onDeath: (() => void)[] = []

  constructor(simulation: Simulation, name: string) {
    this.simulation = simulation
    this.name = name
    this.index = simulation.processCount++
    this.random = simulation.random.fork()
    this.clock = new SimulatedClock(simulation, this, this.random)
  }

  get isAlive(): boolean {
    return this.state !== 'dead'
  }

  get isPaused(): boolean {
    return this.state === 'paused'
  }

  /** An event on this process's memory. */
  after(delayMs: number, label: string, run: () => void): () => void {
    return this.simulation.after(this, delayMs, label, run)
  }

  /** At once, like SIGKILL: nothing of it runs any more, nothing it waits for comes. */
  crash(): void {
    if (this.state === 'dead') return
    this.simulation.note(this, 'crash')
    this.state = 'dead'
    this.held = []
    for (const listener of this.onDeath.splice(0)) listener()
  }

  /** Like SIGSTOP: what comes meanwhile waits. */
  pause(): void {
    if (this.state !== 'running') return
    this.simulation.note(this, 'pause')
    this.state = 'paused'
  }

  /** Like SIGCONT: everything missed is due now. A zombie, if the world has given it up. */
  resume(): void {
    if (this.state !== 'paused') return
    this.simulation.note(this, 'resume')
    this.state = 'running'
    this.simulation.release(this.held)
    this.held = []
  }

  /** The world's view of a crash: sockets break, locks are free. */
  whenDead(listener: () => void): void {
    this.onDeath.push(listener)
  }

  hold(event: SimulatedEvent): void {
    this.held.push(event)
  }
}
