/** The demo's input, real flights of early 2001 in npm's vega-datasets, and what must come out, in plain JavaScript. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Flight } from '../../examples/flights-by-airport.job.ts'

const FILE = fileURLToPath(new URL('../../node_modules/vega-datasets/data/flights-20k.json', import.meta.url))

/** One row of output, as examples/flights-by-airport.job.ts writes it. */
export interface AirportUpdate {
  readonly key: string
  /** How many flights so far: numbers the updates of an airport, from 1. */
  readonly flights: number
  readonly meanDelay: number
  readonly worstDelay: number
}

/** Airport → its updates, in their order. */
export type Model = ReadonlyMap<string, readonly AirportUpdate[]>

/** In the order of the file, which is that of departure. */
export function readFlights(): Flight[] {
  return JSON.parse(readFileSync(FILE, 'utf8'))
}

/** Each flight is one update of its airport. Delays are whole minutes, so sums are exact and means equal to the last bit. */
export function modelOf(flights: readonly Flight[]): Model {
  const model = new Map<string, AirportUpdate[]>()
  const sums = new Map<string, number>()
  for (const { origin, delay } of flights) {
    const updates = model.get(origin) ?? []
    model.set(origin, updates)
    const sum = (sums.get(origin) ?? 0) + delay
    sums.set(origin, sum)
    const count = updates.length + 1
    const worstDelay = Math.max(delay, updates.at(-1)?.worstDelay ?? Number.NEGATIVE_INFINITY)
    updates.push({ key: origin, flights: count, meanDelay: sum / count, worstDelay })
  }
  return model
}
