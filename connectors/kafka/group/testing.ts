/** For tests: a clock that stands until it is told to go on. */
import type { Clock } from '../../../src/common/clock.ts'

interface Timer {
  readonly atMs: number
  readonly run: () => void
}

export class ManualClock implements Clock {
  #nowMs = 1_000
  readonly #timers = new Set<Timer>()

  nowMs(): number {
    return 1_795_000_000_000 + this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const callOff = this.schedule(ms, resolve)
      const onAbort = () => {
        callOff()
        reject(signal?.reason)
      }
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  schedule(ms: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, run }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  every(ms: number, run: () => void): () => void {
    let callOff = () => {}
    const next = () => {
      callOff = this.schedule(ms, () => {
        next()
        run()
      })
    }
    next()
    return () => callOff()
  }

  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }

  /** Timers run in their order, each at its time, and what waits for them goes on in between. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    for (;;) {
      await this.turn()
      const due = [...this.#timers].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0]
      if (due === undefined) break
      this.#timers.delete(due)
      this.#nowMs = Math.max(this.#nowMs, due.atMs)
      due.run()
    }
    this.#nowMs = untilMs
    await this.turn()
  }

  /** Time passes and nothing runs: what a process sees that was stopped. */
  jump(ms: number): void {
    this.#nowMs += ms
  }
}
