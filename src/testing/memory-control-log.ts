/** A control log in memory: what a Kafka topic is to the job, for tests. Outlives the workers that use it. */
import type { ControlLog, ControlLogEntry } from '../ports/control-log.ts'

export class MemoryControlLog implements ControlLog {
  readonly entries: Buffer[] = []
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
    let next = offset
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
