/** How much each state holds: counted, since the metadata knows of slices only what they hold of all states together. */
import { ALL_KEYS } from '../records/changes-in-range.ts'
import { parseStateKey } from '../state/state-key.ts'
import { type LiveReading, liveChanges } from './live-changes.ts'

export interface StateSize {
  readonly operator: string
  readonly state: string
  /** Live ones: of a map its entries. */
  readonly entries: number
  readonly keys: number
  /** Of keys and values, not compressed. */
  readonly bytes: number
  /** That hold any of it. */
  readonly tasks: number
}

interface Count {
  entries: number
  keys: number
  bytes: number
  tasks: number
}

/** In the order of the metadata. Reads all of the state. */
export async function sizesOf(reading: LiveReading): Promise<StateSize[]> {
  const { states, tasks } = reading.snapshot
  const counts = new Map<number, Count>(states.map(({ id }) => [id, { entries: 0, keys: 0, bytes: 0, tasks: 0 }]))
  const maps = new Set(states.filter(({ kind }) => kind === 'map').map(({ id }) => id))
  for (const task of tasks.keys()) {
    const seen = new Set<number>()
    let last: string | undefined
    for await (const { keys, valueStarts, valueEnds } of liveChanges(reading, task, ALL_KEYS)) {
      for (let i = 0; i < keys.length; i++) {
        const key = keys[i]!
        const id = (key.charCodeAt(0) << 8) | key.charCodeAt(1)
        const count = counts.get(id)
        // Of a state that was dropped since: the next compaction, or nobody, removes it.
        if (count === undefined) continue
        count.entries++
        count.bytes += key.length + valueEnds[i]! - valueStarts[i]!
        if (!seen.has(id)) {
          seen.add(id)
          count.tasks++
          last = undefined
        }
        const own = maps.has(id) ? parseStateKey(key).key : undefined
        if (own === undefined || own !== last) count.keys++
        if (own !== undefined) last = own
      }
    }
  }
  return states.map(({ id, operator, name }) => ({ operator, state: name, ...counts.get(id)! }))
}
