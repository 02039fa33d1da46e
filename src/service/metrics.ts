/**
 * The metrics of one process. A counter is a number that is added to, and nothing more happens until someone asks: adding
 * takes about 5 ns. (prom-client 15 takes 60 to 85 ns for a counter and 180 ns for a histogram, on the same machine, for
 * its check of labels and its hash of them; the text format it would save us is the small file beside this one.)
 */
import { assert } from '../common/assert.ts'
import type { Counter, MetricsPort } from '../ports/connector-context.ts'

export type Labels = Readonly<Record<string, string>>

export interface Histogram {
  observe(value: number): void
}

/** What a scrape sees of a histogram: each count is of its own bucket alone, the last one of everything above. */
export interface HistogramValues {
  readonly bounds: readonly number[]
  readonly counts: ArrayLike<number> & Iterable<number>
  readonly sum: number
}

/** What a scrape sees of one set of labels. */
export type Series =
  | { readonly kind: 'value'; readonly labels: Labels; readonly read: () => number }
  | { readonly kind: 'histogram'; readonly labels: Labels; readonly histogram: HistogramValues }

/** All series of one name. */
export interface Family {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** By the text of their labels. */
  readonly series: Map<string, Series>
}

/** For durations in seconds, from a millisecond to a minute. */
export const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const

/**
 * Asking again for the same name and labels gives the same counter or histogram; a gauge's reader is replaced. So a new
 * epoch registers what the one before did, and counts go on. Names follow Prometheus: base units, `_total` on counters.
 */
export class Metrics implements MetricsPort {
  private readonly families = new Map<string, Family>()

  counter(name: string, help: string, labels: Labels = {}): Counter {
    const series = this.family(name, help, 'counter').series
    const key = labelsKey(labels)
    const known = series.get(key)
    if (known !== undefined && 'counter' in known) return (known as CounterSeries).counter
    const counter = new NumberCounter()
    const added: CounterSeries = { kind: 'value', labels, read: () => counter.value, counter }
    series.set(key, added)
    return counter
  }

  /** A counter that something else counts; `read` is called at each scrape and never goes back. */
  observedCounter(name: string, help: string, read: () => number, labels: Labels = {}): void {
    this.family(name, help, 'counter').series.set(labelsKey(labels), { kind: 'value', labels, read })
  }

  gauge(name: string, help: string, read: () => number, labels: Labels = {}): void {
    this.family(name, help, 'gauge').series.set(labelsKey(labels), { kind: 'value', labels, read })
  }

  /** `buckets`: the upper bounds, ascending; the one at infinity is added. */
  histogram(name: string, help: string, buckets: readonly number[] = DURATION_BUCKETS, labels: Labels = {}): Histogram {
    const series = this.family(name, help, 'histogram').series
    const key = labelsKey(labels)
    const known = series.get(key)
    if (known?.kind === 'histogram') return known.histogram as BucketHistogram
    const histogram = new BucketHistogram(buckets)
    series.set(key, { kind: 'histogram', labels, histogram })
    return histogram
  }

  /** In the order in which they were first asked for. */
  all(): Iterable<Family> {
    return this.families.values()
  }

  private family(name: string, help: string, type: Family['type']): Family {
    const known = this.families.get(name)
    if (known !== undefined) {
      assert(known.type === type, `the metric ${name} is a ${known.type}`)
      return known
    }
    assert(/^[a-z][a-z0-9_]*$/.test(name), `${name} is a name for a metric`)
    assert((type === 'counter') === name.endsWith('_total'), `${name}: counters, and only they, end in _total`)
    const family: Family = { name, help, type, series: new Map() }
    this.families.set(name, family)
    return family
  }
}

type CounterSeries = Series & { readonly counter: Counter }

class NumberCounter implements Counter {
  value = 0

  add(n: number): void {
    this.value += n
  }
}

/** Fixed buckets; each count is of its own bucket alone and is summed up when it is read. */
export class BucketHistogram implements Histogram {
  readonly bounds: readonly number[]
  /** One more than bounds: the last is for everything above. */
  readonly counts: Float64Array
  sum = 0

  constructor(bounds: readonly number[]) {
    assert(
      bounds.every((bound, i) => i === 0 || bound > bounds[i - 1]!),
      'the buckets of a histogram ascend',
    )
    this.bounds = bounds
    this.counts = new Float64Array(bounds.length + 1)
  }

  observe(value: number): void {
    let i = 0
    while (i < this.bounds.length && value > this.bounds[i]!) i++
    this.counts[i]!++
    this.sum += value
  }
}

function labelsKey(labels: Labels): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)))
}
