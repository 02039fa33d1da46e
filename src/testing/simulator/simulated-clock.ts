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

export class SimulatedClock implements Clock {
  /** How wrong the wall clock is. */
  wallOffsetMs = 0
  private readonly simulation: Simulation
  private readonly owner: EventOwner
  private readonly random: SeededRandom

  constructor(simulation: Simulation, owner: EventOwner, random: SeededRandom) {
    this.simulation = simulation
    this.owner = owner
    this.random = random
  }

  nowMs(): number {
    return wallTimeMs(this.simulation.nowMs) + this.wallOffsetMs
  }

  monotonicMs(): number {
    return this.simulation.nowMs
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const onAbort = () => {
        cancel()
        reject(signal?.reason)
      }
      const cancel = this.simulation.after(this.owner, ms, 'sleep', () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  schedule(ms: number, run: () => void): () => void {
    return this.simulation.after(this.owner, ms, 'timer', run)
  }

  every(ms: number, run: () => void): () => void {
    let cancel = () => {}
    const next = () => {
      cancel = this.simulation.after(this.owner, ms, 'interval', () => {
        next()
        run()
      })
    }
    next()
    return () => cancel()
  }

  turn(): Promise<void> {
    return new Promise((resolve) => {
      this.simulation.after(this.owner, this.random.next() * LONGEST_TURN_MS, 'turn', resolve)
    })
  }
}
