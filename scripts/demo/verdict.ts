/** Holds the output against the model: every update once, in order, with the right numbers. */
import type { AirportUpdate, Model } from './flights.ts'

export interface OutputRecord {
  readonly partition: number
  readonly key: Buffer | null
  readonly value: Buffer | null
}

export interface Verdict {
  /** Records read. */
  readonly updatesOut: number
  /** Updates of the model that never came. */
  readonly missing: number
  /** Updates that came once more. */
  readonly doubled: number
  /** Updates behind a later one of their airport, or in another partition than the one before. */
  readonly outOfOrder: number
  /** Records that are no update of the model: unknown, unreadable, or with other numbers. */
  readonly wrong: number
  /** The first things that are not as they should be, for people. */
  readonly examples: readonly string[]
}

const MAX_EXAMPLES = 5

export function isFlawless({ missing, doubled, outOfOrder, wrong }: Verdict): boolean {
  return missing + doubled + outOfOrder + wrong === 0
}

/** @param output in the order of offsets within each partition */
export function judge(model: Model, output: Iterable<OutputRecord>): Verdict {
  const examples: string[] = []
  const complain = (text: string) => {
    if (examples.length < MAX_EXAMPLES) examples.push(text)
  }
  const seen = new Map<string, Set<number>>()
  const last = new Map<string, { flights: number; partition: number }>()
  let updatesOut = 0
  let doubled = 0
  let outOfOrder = 0
  let wrong = 0
  for (const { partition, key, value } of output) {
    updatesOut++
    const update = parse(value)
    const expected = update && model.get(update.key)?.[update.flights - 1]
    if (!update || !expected || String(key) !== update.key || !isSame(update, expected)) {
      wrong++
      complain(`wrong: ${key} ${value}${expected ? ` instead of ${JSON.stringify(expected)}` : ''}`)
      continue
    }
    const { key: airport, flights } = update
    const ofAirport = seen.get(airport) ?? new Set()
    seen.set(airport, ofAirport)
    if (ofAirport.has(flights)) {
      doubled++
      complain(`doubled: update ${flights} of ${airport}`)
      continue
    }
    ofAirport.add(flights)
    const before = last.get(airport)
    if (before !== undefined && (flights < before.flights || partition !== before.partition)) {
      outOfOrder++
      complain(`out of order: update ${flights} of ${airport} behind ${before.flights}`)
    }
    last.set(airport, { flights, partition })
  }
  let missing = 0
  for (const [airport, updates] of model) {
    const ofAirport = seen.get(airport)
    for (const { flights } of updates) {
      if (ofAirport?.has(flights)) continue
      missing++
      complain(`missing: update ${flights} of ${airport}`)
    }
  }
  return { updatesOut, missing, doubled, outOfOrder, wrong, examples }
}

function isSame(update: AirportUpdate, expected: AirportUpdate): boolean {
  return update.meanDelay === expected.meanDelay && update.worstDelay === expected.worstDelay
}

function parse(value: Buffer | null): AirportUpdate | undefined {
  try {
    return JSON.parse(String(value)) ?? undefined
  } catch {
    return undefined
  }
}
