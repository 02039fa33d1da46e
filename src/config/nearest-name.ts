/** "Did you mean": the known name that a mistyped one most likely stands for. */

/**
 * The least number of insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`: the optimal
 * string alignment form of Damerau-Levenshtein (no part is edited twice).
 */
export function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(at(previous, j) + 1, at(row, j - 1) + 1, at(previous, j - 1) + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, at(beforePrevious, j - 2) + 1)
      row.push(cost)
    }
    beforePrevious = previous
    previous = row
  }
  return at(previous, b.length)
}

/**
 * The nearest of `names`, or undefined when none is near: more than a third of the name would have to change. A name
 * that holds the whole of the mistyped one (or the reverse) counts as near: `interval` means `checkpoint-interval`.
 */
export function nearestName(name: string, names: Iterable<string>): string | undefined {
  let nearest: string | undefined
  let least = Number.POSITIVE_INFINITY
  for (const candidate of names) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    const limit = Math.max(2, Math.floor(Math.max(name.length, candidate.length) / 3))
    const isNear = distance <= limit || (name.length >= 4 && (candidate.includes(name) || name.includes(candidate)))
    if (isNear && distance < least) {
      nearest = candidate
      least = distance
    }
  }
  return nearest
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY
}
