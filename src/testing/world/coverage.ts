/** What has happened in a seed, by name: so that what never happens in many of them is seen. */
export class Coverage {
  private readonly counts = new Map<string, number>()

  add(what: string, times = 1): void {
    if (times > 0) this.counts.set(what, (this.counts.get(what) ?? 0) + times)
  }

  get all(): ReadonlyMap<string, number> {
    return this.counts
  }
}

/** Of many seeds. */
export class CoverageTable {
  private readonly rows = new Map<string, { seeds: number; times: number }>()

  add(covered: ReadonlyMap<string, number>): void {
    for (const [what, times] of covered) {
      const row = this.rows.get(what) ?? { seeds: 0, times: 0 }
      row.seeds++
      row.times += times
      this.rows.set(what, row)
    }
  }

  /** What → in how many seeds, and how often in all of them. */
  toJSON(): Record<string, { readonly seeds: number; readonly times: number }> {
    return Object.fromEntries([...this.rows].sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  toString(): string {
    const lines = Object.entries(this.toJSON()).map(
      ([what, { seeds, times }]) => `${String(seeds).padStart(7)} ${String(times).padStart(9)}  ${what}`,
    )
    return ['  seeds     times', ...lines].join('\n')
  }
}
