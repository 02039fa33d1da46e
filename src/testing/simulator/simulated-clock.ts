/** The clock of a simulated process. Work takes no time but a little at each `turn`. */
import type { Clock } from '../../common/clock.ts'
import type { EventOwner } from './event-queue.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { Simulation } from './simulation.ts'

/** November 2026, so that timestamps look like timestamps. */
const BEGINNING_MS = 1_795_000_000_000
const LONGEST_TURN_MS = 0.4

/** What a right clock shows, ms since 1970. */
export function wallTimeMs(simulatedMs: number): number {
  return BEGINNING_MS + Math.floor(simulatedMs)
}

/** Functions, not methods: a clock is often taken apart, and put together with something of another one. */
export class SimulatedClock implements Clock {
  /** How wrong the wall clock is. */
  wallOffsetMs = 0
  readonly nowMs: () => number
  readonly monotonicMs: () => number
  readonly sleep: Clock['sleep']
  readonly schedule: Clock['schedule']
  readonly every: Clock['every']
  readonly turn: Clock['turn']

  constructor(simulation: Simulation, owner: EventOwner, random: SeededRandom) {
    const after = (ms: number, label: string, run: () => void) => simulation.after(owner, ms, label, run)
    this.nowMs = () => wallTimeMs(simulation.nowMs) + this.wallOffsetMs
    this.monotonicMs = () => simulation.nowMs
    this.schedule = (ms, run) => after(ms, 'timer', run)
    this.every = (ms, run) => every(after, ms, run)
    this.turn = () => new Promise((resolve) => after(random.next() * LONGEST_TURN_MS, 'turn', resolve))
    this.sleep = (ms, signal) => sleep(after, ms, signal)
  }
}

type After = (ms: number, label: string, run: () => void) => () => void

function sleep(after: After, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const onAbort = () => {
      cancel()
      reject(signal?.reason)
    }
    const cancel = after(ms, 'sleep', () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

function every(after: After, ms: number, run: () => void): () => void {
  let cancel = () => {}
  const next = () => {
    cancel = after(ms, 'interval', () => {
      next()
      run()
    })
  }
  next()
  return () => cancel()
}
