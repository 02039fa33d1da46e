/** The metrics of the main thread, and at each scrape those of the other threads. */
import { type Family, Metrics } from './metrics.ts'
import { type LabelledFamilies, mergeFamilies } from './metrics-snapshot.ts'

export class GatheredMetrics extends Metrics {
  private gather: (() => Promise<readonly LabelledFamilies[]>) | undefined

  /** @param gather never rejects, and doesn't wait for a thread that is busy */
  setOthers(gather: () => Promise<readonly LabelledFamilies[]>): void {
    this.gather = gather
  }

  async collect(): Promise<Iterable<Family>> {
    return this.gather === undefined ? this.all() : mergeFamilies(this.all(), await this.gather())
  }
}
