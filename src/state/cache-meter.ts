/** What the object cache would tell of its size, for whoever sets it. Kept only where somebody does. */
import type { Clock } from '../common/clock.ts'
import { GhostEntries } from './ghost-entries.ts'

export class CacheMeter {
  readonly ghosts = new GhostEntries()
  /** Entries that the backend was asked for, and how long that took. */
  misses = 0
  loadMs = 0
  /** Of the changes of all cuts. */
  sealedBytes = 0
  private readonly clock: Clock

  constructor(clock: Clock) {
    this.clock = clock
  }

  async load<T>(entries: number, loading: Promise<T>): Promise<T> {
    const startMs = this.clock.monotonicMs()
    const loaded = await loading
    this.misses += entries
    this.loadMs += this.clock.monotonicMs() - startMs
    return loaded
  }
}
