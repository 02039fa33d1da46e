/** A control log in memory: what a Kafka topic is to the job, for tests. Outlives the workers that use it. */
import type { ControlLog, ControlLogEntry } from '../ports/control-log.ts'

export class MemoryControlLog implements ControlLog {
  readonly entries: Buffer[] = []
  /** Entries below it are deleted. */
  start = 0
  private readonly waiting = new Set<() => void>()

  async open() {
    return { created: this.entries.length === 0 }
  }

  async append(values: readonly Buffer[]): Promise<number> {
    const base = this.entries.length
    this.entries.push(...values)
    for (const wake of [...this.waiting]) wake()
    return base
  }

  async endOffset(): Promise<number> {
    return this.entries.length
  }

  async *tail(offset: number, signal: AbortSignal): AsyncIterable<readonly ControlLogEntry[]> {
    let next = Math.max(offset, this.start)
    while (!signal.aborted) {
      if (next < this.entries.length) {
        const entries = this.entries.slice(next).map((value, i) => ({ offset: next + i, value }))
        next += entries.length
        yield entries
      } else {
        await this.grown(signal)
      }
    }
  }

  async trim(offset: number): Promise<void> {
    this.start = Math.max(this.start, offset)
  }

  async close() {}

  private grown(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.waiting.delete(done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      this.waiting.add(done)
      signal.addEventListener('abort', done)
    })
  }
}
