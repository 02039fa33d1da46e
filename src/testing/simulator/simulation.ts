/**
 * A world with a time of its own: every timer, request, answer and storage call is an event in one queue, and one event
 * after another is run. What an event sets free (the promises it settles, whatever awaits them) runs to its end before
 * the next event, so a run is the same each time it begins with the same seed: `digest` proves it.
 *
 * An event belongs to a process or to the world. A process that crashes loses its events: what it awaits never comes. One
 * that is paused finds them, late and in their order, when it goes on.
 *
 * Code under simulation must have no other way to wait: no timers, no sockets, no thread pool.
 */
import { type EventOwner, EventQueue, type SimulatedEvent } from './event-queue.ts'
import { SeededRandom } from './seeded-random.ts'
import { Trace } from './trace.ts'

/** So that the event loop of the real process stays alive, and rejections that nobody handles are found. */
const EVENTS_BETWEEN_TURNS = 2_000

export interface RunLimits {
  /** Of simulated time. */
  readonly untilMs?: number
  /** A run that comes to no end is an error: for a livelock. Default 2,000,000. */
  readonly maxEvents?: number
}

export class Simulation {
  readonly seed: number
  readonly random: SeededRandom
  readonly trace: Trace
  processCount = 0
  /**
   * Called before each event, but those of processes that stand still. It may end or pause the event's process: the event then
   * is lost, or waits. An event of the world (owner null) is for the world to make void.
   */
  beforeEvent: ((owner: EventOwner | null, label: string) => void) | undefined
  private readonly queue = new EventQueue()
  private time = 0
  private sequence = 0
  private events = 0

  constructor(seed: number, { keepTrace = false }: { readonly keepTrace?: boolean } = {}) {
    this.seed = seed
    this.random = new SeededRandom(seed)
    this.trace = new Trace(keepTrace)
  }

  /** Simulated milliseconds since the beginning. */
  get nowMs(): number {
    return this.time
  }

  get eventCount(): number {
    return this.events
  }

  /** The same for the same seed, if nothing but the seed decides. */
  get digest(): string {
    return this.trace.digest
  }

  /** Runs `run` after `delayMs` of simulated time. Returns how to call it off. */
  after(owner: EventOwner | null, delayMs: number, label: string, run: () => void): () => void {
    if (owner !== null && !owner.isAlive) return () => {}
    const event: SimulatedEvent = { atMs: this.time + Math.max(0, delayMs), sequence: this.sequence++, owner, label, run }
    this.queue.push(event)
    return () => {
      event.run = null
    }
  }

  /** Something worth a line of the trace that is no event of its own. */
  note(owner: EventOwner | null, what: string): void {
    this.trace.add(this.time, owner, what)
  }

  /** Puts back what a paused process has missed: it is due now, in its order. */
  release(events: readonly SimulatedEvent[]): void {
    for (const event of events) {
      event.atMs = this.time
      event.sequence = this.sequence++
      this.queue.push(event)
    }
  }

  /**
   * Runs events until `isDone`, or there is none left, or the limit is reached. Resolves with whether `isDone` holds. What
   * was started before this call is run to its first wait.
   */
  async run(
    isDone: () => boolean,
    { untilMs = Number.POSITIVE_INFINITY, maxEvents = 2_000_000 }: RunLimits = {},
  ): Promise<boolean> {
    await settled()
    for (let count = 1; ; count++) {
      if (isDone()) return true
      const event = this.queue.peek()
      if (event === undefined || event.atMs > untilMs) break
      this.queue.pop()
      if (!this.step(event)) continue
      if (count > maxEvents) throw new Error(`seed ${this.seed}: no end after ${maxEvents} events`)
      await (count % EVENTS_BETWEEN_TURNS === 0 ? turned() : settled())
    }
    if (untilMs !== Number.POSITIVE_INFINITY) this.time = Math.max(this.time, untilMs)
    return false
  }

  /** False: there was nothing to run. */
  private step(event: SimulatedEvent): boolean {
    const { owner, run } = event
    if (run === null || owner?.isAlive === false) return false
    this.time = event.atMs
    if (owner === null) this.beforeEvent?.(null, event.label)
    else if (!this.mayRun(owner, event)) return false
    this.events++
    this.trace.add(this.time, owner, event.label)
    event.run = null
    run()
    return true
  }

  private mayRun(owner: EventOwner, event: SimulatedEvent): boolean {
    if (!owner.isPaused) this.beforeEvent?.(owner, event.label)
    if (owner.isPaused) owner.hold(event)
    return owner.isAlive && !owner.isPaused
  }
}

/**
 * Resolves when every promise job is done that is due: Node runs a nextTick callback only behind the last of them, so
 * this costs no turn of the event loop.
 */
function settled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve))
}

function turned(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
