/** Metrics as they are at one moment, as plain values that go from a thread to another, and back into families. */
import type { Family, Labels, Series } from './metrics.ts'
import { readSafely } from './read-safely.ts'

export type SeriesSnapshot =
  | { readonly kind: 'value'; readonly labels: Labels; readonly value: number }
  | {
      readonly kind: 'histogram'
      readonly labels: Labels
      readonly bounds: readonly number[]
      readonly counts: readonly number[]
      readonly sum: number
    }

export interface FamilySnapshot {
  readonly name: string
  readonly help: string
  readonly type: Family['type']
  readonly series: readonly SeriesSnapshot[]
}

export function snapshotOf(families: Iterable<Family>): FamilySnapshot[] {
  return [...families].map(({ name, help, type, series }) => ({
    name,
    help,
    type,
    series: [...series.values()].map((one): SeriesSnapshot => {
      if (one.kind === 'value') return { kind: 'value', labels: one.labels, value: readSafely(one.read) }
      const { bounds, counts, sum } = one.histogram
      return { kind: 'histogram', labels: one.labels, bounds, counts: [...counts], sum }
    }),
  }))
}

/** What another place counts, and the labels that tell it from the rest. */
export interface LabelledFamilies {
  readonly labels: Labels
  readonly families: readonly FamilySnapshot[]
}

/** The families of several places as one list, each series with the labels of its place. */
export function mergeFamilies(own: Iterable<Family>, others: readonly LabelledFamilies[]): Family[] {
  const merged = new Map<string, Family>()
  for (const family of own) merged.set(family.name, { ...family, series: new Map(family.series) })
  for (const { labels, families } of others) {
    for (const { name, help, type, series } of families) {
      const family = merged.get(name) ?? { name, help, type, series: new Map<string, Series>() }
      merged.set(name, family)
      for (const one of series) {
        const labelled = seriesOf(one, { ...one.labels, ...labels })
        family.series.set(JSON.stringify(labelled.labels), labelled)
      }
    }
  }
  return [...merged.values()]
}

function seriesOf(snapshot: SeriesSnapshot, labels: Labels): Series {
  if (snapshot.kind === 'value') return { kind: 'value', labels, read: () => snapshot.value }
  const { bounds, counts, sum } = snapshot
  return { kind: 'histogram', labels, histogram: { bounds, counts, sum } }
}
